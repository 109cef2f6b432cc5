import { DEFAULT_TERMS, formatId, type Account, type Plan, type Terms } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { AccountMode, AccountStatus } from './accounts.ts';

interface AccountRow {
  readonly name: string;
  readonly plan: Plan;
  readonly mode: AccountMode;
  readonly status: AccountStatus;
  readonly rate_limit_per_min: number;
  readonly max_concurrent_tasks: number;
  readonly terms: Partial<Terms>;
  readonly low_threshold: number | null;
  readonly created_at: Date;
}

/** An account as its own customer sees it. */
export async function viewAccount(db: Queryable, accountUuid: string): Promise<Account> {
  const [row] = await db.query<AccountRow>(
    `SELECT a.name, a.plan, a.mode, a.status, a.rate_limit_per_min, a.max_concurrent_tasks, a.terms, c.low_threshold, a.created_at
     FROM accounts a JOIN credit_accounts c ON c.account_id = a.account_id WHERE a.account_id = $1`,
    [accountUuid],
  );
  if (row === undefined) throw new Error(`account ${accountUuid} vanished`);
  const { terms, low_threshold, created_at, ...plain } = row;
  return {
    id: formatId('acct', accountUuid),
    ...plain,
    terms: { ...DEFAULT_TERMS, ...terms },
    low_credits_threshold: low_threshold,
    created_at: created_at.toISOString(),
  };
}

/** Below how many available credits `credits.low` is sent from now on; null for never. Setting it sends nothing. */
export async function setLowCreditsThreshold(
  db: Queryable,
  accountUuid: string,
  threshold: number | null,
): Promise<void> {
  await db.query('SELECT set_low_credits_threshold($1, $2)', [accountUuid, threshold]);
}
