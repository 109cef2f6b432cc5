import type { ApiPromise } from '../api-promise.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Credits } from '../types.ts';

/** The account's credits. */
export class CreditsResource extends Resource {
  /** Gets the balance in whole credits: available, reserved for batches, spent, issued in total, and debt. */
  retrieve(options?: RequestOptions): ApiPromise<Credits> {
    return this.transport.call({ method: 'GET', path: '/v1/credits' }, options);
  }
}
