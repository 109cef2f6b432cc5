import type { Queryable } from '../db/index.ts';

export interface LedgerViolation {
  readonly accountUuid: string;
  /** Name of the broken invariant. */
  readonly rule: string;
  readonly detail: string;
}

/** Every broken invariant of one account, or of all of them. Reads everything: meant for operators and tests. */
export async function checkLedger(db: Queryable, accountUuid: string | null): Promise<readonly LedgerViolation[]> {
  return db.query<LedgerViolation>(
    `SELECT account_id AS "accountUuid", rule, detail FROM ledger_violations
     WHERE $1::uuid IS NULL OR account_id = $1 ORDER BY account_id, rule, detail`,
    [accountUuid],
  );
}
