import { list, type PagePromise } from '../page.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Transport } from '../transport/transport.ts';
import type { ListedEvent } from '../types.ts';

export interface EventListParams {
  /** Only events with a `seq` above this one; from the beginning when left out. */
  after?: number;
  /** Seconds to wait for an event when there is none yet. */
  wait?: number;
  /** Events in a page, 1 to 200; 50 when left out. */
  limit?: number;
}

/** Every event of the account, without gaps: the truth behind the webhooks. */
export class Events {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Oldest first. To go on later, pass the `seq` of the last event seen as `after`. */
  list(params: EventListParams = {}, options?: RequestOptions): PagePromise<ListedEvent> {
    return list<ListedEvent>(
      this.#transport,
      () => ({
        path: '/v1/events',
        query: { ...params },
        heldBackMs: (params.wait ?? 0) * 1_000,
        next: ({ wait: _, ...query }, last) => ({ ...query, after: last.seq }),
      }),
      options,
    );
  }
}
