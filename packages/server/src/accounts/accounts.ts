import {
  accountIds,
  effectiveLimits,
  planLimits,
  type AccountLimits,
  type AccountMode,
  type AccountStatus,
  type Plan,
  type Terms,
  type AccountUuid,
} from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import type { Random } from '../ports.ts';
import { listApiKeys, type ApiKeySummary } from './api-keys.ts';
import { WRITE_SCOPES } from './write-scopes.ts';

export interface NewAccount {
  readonly name: string;
  readonly plan: Plan;
  readonly mode: AccountMode;
}

export interface AccountSummary {
  readonly accountUuid: AccountUuid;
  readonly name: string;
  readonly plan: Plan;
  readonly mode: AccountMode;
  readonly status: AccountStatus;
  readonly limits: AccountLimits;
  readonly createdAt: Date;
  readonly terminatedAt: Date | null;
  /** The terms that differ from the default terms. */
  readonly terms: Partial<Terms>;
}

export interface AccountDetail extends AccountSummary {
  readonly keys: readonly ApiKeySummary[];
}

/**
 * Opens an account without credits. The limits of the plan are copied, so that they can be changed for this account
 * only.
 */
export async function createAccount(db: Database, random: Random, account: NewAccount): Promise<AccountUuid> {
  const accountUuid = accountIds.newUuid(random);
  await db.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
       VALUES ($1, $2, $3, $4, $5, rushes_now())`,
      [accountUuid, account.name, account.plan, account.mode, planLimits(account.plan)],
    );
    await tx.query('SELECT open_account($1)', [accountUuid]);
  });
  return accountUuid;
}

const SUMMARY_COLUMNS = `account_id AS "accountUuid", name, plan, mode, status, limits, created_at AS "createdAt", terminated_at AS "terminatedAt", terms`;

/** A summary with limits completed from the plan. */
function toSummary(row: AccountSummary): AccountSummary {
  return { ...row, limits: effectiveLimits(row.limits, row.plan) };
}

/** All accounts, oldest first, for the operator. */
export async function listAccounts(db: Queryable): Promise<readonly AccountSummary[]> {
  const rows = await db.query<AccountSummary>(
    `SELECT ${SUMMARY_COLUMNS} FROM accounts ORDER BY created_at, account_id`,
  );
  return rows.map(toSummary);
}

/** A page of accounts, oldest first. `after` is the last account of the previous page. */
export async function listAccountsAfter(
  db: Queryable,
  after: AccountUuid | null,
  limit: number,
): Promise<readonly AccountSummary[]> {
  const rows = await db.query<AccountSummary>(
    `SELECT ${SUMMARY_COLUMNS} FROM accounts WHERE $1::uuid IS NULL OR account_id > $1 ORDER BY account_id LIMIT $2`,
    [after, limit],
  );
  return rows.map(toSummary);
}

export async function findAccount(db: Queryable, accountUuid: AccountUuid): Promise<AccountDetail | null> {
  const [summary] = await db.query<AccountSummary>(`SELECT ${SUMMARY_COLUMNS} FROM accounts WHERE account_id = $1`, [
    accountUuid,
  ]);
  return summary === undefined ? null : { ...toSummary(summary), keys: await listApiKeys(db, accountUuid) };
}

/**
 * Locks the account until the transaction ends, so that what is counted against a limit meanwhile cannot grow, and tells the
 * limits in force. Throws when there is no such account.
 */
export async function lockLimits(tx: Queryable, accountUuid: AccountUuid): Promise<AccountLimits> {
  const [row] = await tx.query<{ limits: Partial<AccountLimits>; plan: Plan }>(
    'SELECT limits, plan FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE',
    [accountUuid],
  );
  if (row === undefined) throw new Error(`there is no account ${accountUuid}`);
  return effectiveLimits(row.limits, row.plan);
}

export type Termination = 'terminated' | 'already_terminated' | 'not_found';

/**
 * Terminates an account: every key that can write is disabled for good. Read-only keys still reach the results.
 * Existing batches run to their end, and credits stay.
 */
export async function terminateAccount(db: Database, accountUuid: AccountUuid): Promise<Termination> {
  return db.transaction(async (tx) => {
    const [account] = await tx.query<{ status: AccountStatus }>(
      'SELECT status FROM accounts WHERE account_id = $1 FOR UPDATE',
      [accountUuid],
    );
    if (account === undefined) return 'not_found';
    await tx.query(
      `UPDATE api_keys k SET enabled = false, disabled_at = n.now FROM (SELECT rushes_now() AS now) n
       WHERE k.account_id = $1 AND k.enabled AND k.scopes && $2::text[]`,
      [accountUuid, WRITE_SCOPES],
    );
    if (account.status === 'terminated') return 'already_terminated';
    await tx.query(
      `UPDATE accounts a SET status = 'terminated', terminated_at = n.now FROM (SELECT rushes_now() AS now) n
       WHERE a.account_id = $1`,
      [accountUuid],
    );
    return 'terminated';
  });
}
