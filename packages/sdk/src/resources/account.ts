import type { UpdateAccountRequest } from '@rushes/contract/types';
import type { ApiPromise } from '../api-promise.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Account } from '../types.ts';

/** Parameters of `account.update`. A setting that is left out stays as it is. */
export interface UpdateAccountParams extends Omit<UpdateAccountRequest, 'request_id'> {}

const PATH = '/v1/account';

/** The account that the API key belongs to. */
export class AccountResource extends Resource {
  /** Gets the plan, limits, terms and settings of the account. */
  retrieve(options?: RequestOptions): ApiPromise<Account> {
    return this.transport.call({ method: 'GET', path: PATH }, options);
  }

  /** Changes the settings that `params` names. The key needs the scope `account:admin`. */
  update(params: UpdateAccountParams, options?: RequestOptions): ApiPromise<Account> {
    return this.transport.call({ method: 'PATCH', path: PATH, body: params }, options);
  }
}
