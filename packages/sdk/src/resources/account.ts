import { ApiPromise } from '../api-promise.ts';
import { jsonBody, type RequestOptions } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import type { Account as AccountDetails } from '../types.ts';

export interface UpdateAccountParams {
  /**
   * The event `credits.low` is sent each time that available credits fall from at least this to below it; 1 or more, null for
   * never.
   */
  low_credits_threshold?: number | null;
}

const PATH = '/v1/account';

/** The account that the API key belongs to. */
export class Account {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Plan, limits, terms and settings. */
  retrieve(options?: RequestOptions): ApiPromise<AccountDetails> {
    return new ApiPromise(this.#transport.json({ method: 'GET', path: PATH }, options));
  }

  /** Changes what `params` names. The key needs the scope `account:admin`. */
  update(params: UpdateAccountParams, options?: RequestOptions): ApiPromise<AccountDetails> {
    const send = async (): Promise<Answer<AccountDetails>> =>
      this.#transport.json({ method: 'PATCH', path: PATH, body: jsonBody(params) }, options);
    return new ApiPromise(send());
  }
}
