import {
  planLimits,
  visibleLimits,
  accountSchema,
  DEFAULT_TERMS,
  updateAccountRequestSchema,
  type Account,
} from '@rushes/contract';
import { changeSettings, viewAccount } from '../../accounts/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json } from '../exchange.ts';
import { readRoute, writeRoute, type Route } from '../route.ts';
import { success } from '../successes.ts';

const PATH = '/v1/account';
const TAG = 'Account';

const accountExample: Account = {
  id: 'acct_2k1Kx2ZtPq7wYc9RDfVh3T',
  name: 'Northlight Studio',
  plan: 'growth',
  mode: 'live',
  status: 'active',
  ...visibleLimits(planLimits('growth')),
  terms: DEFAULT_TERMS,
  low_credits_threshold: 50_000,
  created_at: '2026-10-01T09:00:00.000Z',
};

/** The account: what its customer can read and change. */
export function routes(deps: HttpDeps): readonly Route[] {
  return [
    readRoute({
      path: PATH,
      scope: null,
      operation: {
        id: 'getAccount',
        tag: TAG,
        summary: 'Get the account of the API key: plan, limits, terms and settings',
        successes: [success(200, 'The account.', accountSchema, { example: accountExample })],
      },
      handle: async ({ caller }) => json(await viewAccount(deps.db, caller.accountUuid)),
    }),
    writeRoute({
      method: 'patch',
      path: PATH,
      scope: 'account:admin',
      writes: true,
      body: updateAccountRequestSchema,
      bodyExample: { low_credits_threshold: 50_000 },
      operation: {
        id: 'updateAccount',
        tag: TAG,
        summary: 'Change settings of the account',
        description:
          'Fields that are not sent stay as they are. Sending the same change twice has no further effect. `credits.low` is sent each time the available credits fall from the threshold or more to below it. Setting a threshold sends nothing, even when fewer credits are available already.',
        successes: [success(200, 'The account as it is now.', accountSchema, { example: accountExample })],
      },
      async handle({ caller, body }) {
        await changeSettings(deps.db, caller.accountUuid, body);
        return json(await viewAccount(deps.db, caller.accountUuid));
      },
    }),
  ];
}
