import { list, type PagePromise } from '../page.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Transport } from '../transport/transport.ts';
import type { Model } from '../types.ts';

/** The models on offer, with price, limits, parameters and lifecycle. */
export class Models {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options?: RequestOptions): PagePromise<Model> {
    return list(this.#transport, () => ({ path: '/v1/models', query: {} }), options);
  }
}
