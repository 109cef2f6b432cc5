import { ApiPromise } from '../api-promise.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Transport } from '../transport/transport.ts';
import type { Credits as CreditsBalance } from '../types.ts';

/** The account's credits. */
export class Credits {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Integer credits: available, reserved for batches, spent, issued in all, and debt. */
  retrieve(options?: RequestOptions): ApiPromise<CreditsBalance> {
    return new ApiPromise(this.#transport.json({ method: 'GET', path: '/v1/credits' }, options));
  }
}
