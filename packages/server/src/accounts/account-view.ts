import {
  DEFAULT_TERMS,
  effectiveLimits,
  visibleLimits,
  accountIds,
  type Account,
  type AccountLimits,
  type AccountMode,
  type AccountSettings,
  type AccountStatus,
  type Plan,
  type Terms,
  type AccountUuid,
} from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accountSettings } from './account-settings.ts';

interface AccountRow {
  readonly name: string;
  readonly plan: Plan;
  readonly mode: AccountMode;
  readonly status: AccountStatus;
  readonly limits: Partial<AccountLimits>;
  readonly terms: Partial<Terms>;
  readonly settings: Partial<AccountSettings>;
  readonly created_at: Date;
}

/** An account as its customer sees it. */
export async function viewAccount(db: Queryable, accountUuid: AccountUuid): Promise<Account> {
  const [row] = await db.query<AccountRow>(
    'SELECT name, plan, mode, status, limits, terms, settings, created_at FROM accounts WHERE account_id = $1',
    [accountUuid],
  );
  if (row === undefined) throw new Error(`account ${accountUuid} vanished`);
  const { limits, terms, settings, created_at, ...plain } = row;
  return {
    id: accountIds.format(accountUuid),
    ...plain,
    ...visibleLimits(effectiveLimits(limits, row.plan)),
    terms: { ...DEFAULT_TERMS, ...terms },
    ...accountSettings(settings),
    created_at: created_at.toISOString(),
  };
}
