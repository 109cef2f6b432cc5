import type { PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { ListedEvent } from '../types.ts';

/** Which events `events.list` gives. */
export interface EventListParams {
  /** Only events with a `seq` above this one; from the beginning when left out. */
  after?: number;
  /** Seconds to wait for an event when there is none yet. */
  wait?: number;
  /** Events in a page, 1 to 200; 50 when left out. */
  limit?: number;
}

/** Every event of the account, without gaps, whether or not a webhook carried it. */
export class EventsResource extends Resource {
  /** Events, oldest first. To go on later, pass the `seq` of the last event that you have seen as `after`. */
  list(params: EventListParams = {}, options?: RequestOptions): PagePromise<ListedEvent> {
    const next = ({ seq }: ListedEvent): object => ({ after: seq, wait: undefined });
    const heldBackMs = (params.wait ?? 0) * 1_000;
    return this.transport.list({ path: '/v1/events', query: params, heldBackMs, next }, options);
  }
}
