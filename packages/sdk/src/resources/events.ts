import type { PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { ListedEvent } from '../types.ts';

/** Filters of `events.list`. */
export interface EventListParams {
  /** Only events with a greater `seq`. The default is from the beginning. */
  after?: number;
  /** Seconds to wait for an event when there is none yet. */
  wait?: number;
  /** Number of events in a page, 1 to 200. The default is 50. */
  limit?: number;
}

/** Every event of the account, without gaps, with or without a webhook endpoint. */
export class EventsResource extends Resource {
  /** Lists events, oldest first. To continue later, pass the `seq` of the last event that you have seen as `after`. */
  list(params: EventListParams = {}, options?: RequestOptions): PagePromise<ListedEvent> {
    const next = ({ seq }: ListedEvent): object => ({ after: seq, wait: undefined });
    const heldBackMs = (params.wait ?? 0) * 1_000;
    return this.transport.list({ path: '/v1/events', query: params, heldBackMs, next }, options);
  }
}
