import type { LedgerEntry } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { ENTRY_COLUMNS, toEntry, type EntryRow } from './entry-view.ts';

export interface LedgerRange {
  /** Entries from this time on; null: from the first. */
  readonly from: Date | null;
  /** Entries before this time; null: up to the last. */
  readonly to: Date | null;
}

/** Of 300 bytes each: a page of them is small, and ten million entries need two thousand round trips. */
const PAGE_ENTRIES = 5_000;

/**
 * The first number in [1, last + 1] whose entry is not earlier than a time. Time never runs against seq (ledger.md), so
 * it is found by halving: 24 look-ups by primary key among ten million entries, where a scan would read them all.
 */
const FIRST_SEQ_NOT_BEFORE = /* sql */ `
WITH RECURSIVE search(low, high) AS (
  SELECT 1::bigint, $2::bigint + 1
  UNION ALL
  SELECT CASE WHEN e.created_at >= $3 THEN s.low ELSE s.middle + 1 END,
    CASE WHEN e.created_at >= $3 THEN s.middle ELSE s.high END
  FROM (SELECT low, high, (low + high) / 2 AS middle FROM search WHERE low < high) s
  JOIN credit_ledger e ON e.account_id = $1 AND e.seq = s.middle
)
SELECT low AS seq FROM search WHERE low = high`;

async function firstSeqNotBefore(db: Queryable, accountUuid: string, lastSeq: number, time: Date): Promise<number> {
  const [row] = await db.query<{ seq: number }>(FIRST_SEQ_NOT_BEFORE, [accountUuid, lastSeq, time]);
  if (row === undefined) throw new Error(`the ledger of account ${accountUuid} has a gap`);
  return row.seq;
}

/**
 * The entries of a range of time, oldest first, in pages: one consistent range of numbers, bounded by the last entry
 * there is when the export begins, in constant memory and without a long transaction.
 */
export async function* exportEntries(
  db: Queryable,
  accountUuid: string,
  { from, to }: LedgerRange,
): AsyncGenerator<LedgerEntry[], void, undefined> {
  const [account] = await db.query<{ last_seq: number }>('SELECT last_seq FROM credit_accounts WHERE account_id = $1', [
    accountUuid,
  ]);
  const lastSeq = account?.last_seq ?? 0;
  let next = from === null ? 1 : await firstSeqNotBefore(db, accountUuid, lastSeq, from);
  const end = to === null ? lastSeq + 1 : await firstSeqNotBefore(db, accountUuid, lastSeq, to);
  while (next < end) {
    const rows = await db.query<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM credit_ledger
       WHERE account_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq LIMIT $4`,
      [accountUuid, next, end, PAGE_ENTRIES],
    );
    const last = rows.at(-1);
    if (last?.seq !== next + rows.length - 1) throw new Error(`the ledger of account ${accountUuid} has a gap`);
    yield rows.map(toEntry);
    next = last.seq + 1;
  }
}
