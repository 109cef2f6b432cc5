import { accountIds, type AccountUuid } from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import type { LedgerViolation } from '../ledger/index.ts';

/** More of one account say nothing new, and a ledger that is broken throughout must not fill the memory. */
const VIOLATIONS_PER_ACCOUNT = 1_000;

const VIOLATION_COLUMNS = 'account_id AS "accountUuid", rule, detail';

/** Every broken invariant of one account, or of all of them, by one statement: for tests, whose ledgers are small. */
export async function checkLedger(db: Queryable, accountUuid: AccountUuid | null): Promise<readonly LedgerViolation[]> {
  return db.query<LedgerViolation>(
    `SELECT ${VIOLATION_COLUMNS} FROM ledger_violations
     WHERE $1::uuid IS NULL OR account_id = $1 ORDER BY account_id, rule, detail`,
    [accountUuid],
  );
}

/** An account of ten million entries takes minutes; beyond this something else is wrong. */
const ACCOUNT_TIMEOUT_MS = 30 * 60_000;

/**
 * The broken invariants of one account, up to a bound, by one statement, so that all it compares is of one moment. Reads
 * everything of the account: 1,000,000 entries take 34 s together with their tree, and PostgreSQL sorts on its
 * disk what its memory does not hold. The connection's own time-out for an answer has to allow for it.
 */
export async function checkAccount(db: Database, accountUuid: AccountUuid): Promise<readonly LedgerViolation[]> {
  return db.transaction(async (tx) => {
    await tx.query(`SET LOCAL statement_timeout = ${ACCOUNT_TIMEOUT_MS}`);
    return tx.query<LedgerViolation>(
      `SELECT ${VIOLATION_COLUMNS} FROM ledger_violations WHERE account_id = $1 LIMIT ${VIOLATIONS_PER_ACCOUNT}`,
      [accountUuid],
    );
  });
}

/** A row of any of these whose account is gone is looked at all the same. */
const TABLES = ['accounts', 'credit_accounts', 'credit_ledger', 'credit_holds', 'batches', 'credit_revocations'];

/** Every account that has anything to check, in the order of their ids: one look-up per table and account. */
export async function* accountsToCheck(db: Queryable): AsyncGenerator<AccountUuid, void, undefined> {
  const next = TABLES.map(
    (table) => `(SELECT account_id FROM ${table} WHERE account_id > $1 ORDER BY account_id LIMIT 1)`,
  ).join(' UNION ALL ');
  let after = accountIds.nil;
  for (;;) {
    const [row] = await db.query<{ account_id: AccountUuid }>(
      `SELECT account_id FROM (${next}) AS found ORDER BY account_id LIMIT 1`,
      [after],
    );
    if (row === undefined) return;
    after = row.account_id;
    yield after;
  }
}
