import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { ENTRY_COLUMNS, type EntryRow } from './entry-view.ts';

/** Of 300 bytes each: a page of them is small, and ten million entries need two thousand round trips. */
const PAGE_ENTRIES = 5_000;

/** An account's entries do not follow one another by 1: rows were removed or moved behind the functions' back. */
export class LedgerGap extends Error {
  override readonly name = 'LedgerGap';
}

/**
 * The first number in [1, last + 1] whose entry is not earlier than a time. Time never runs against seq (ledger.md), so
 * it is found by halving: 24 look-ups by primary key among ten million entries, where a scan would read them all.
 */
const FIRST_SEQ_NOT_BEFORE = /* sql */ `
WITH RECURSIVE search(low, high) AS (
  SELECT 1::bigint, $2::bigint + 1
  UNION ALL
  SELECT CASE WHEN e.created_at >= $3::timestamptz THEN s.low ELSE s.middle + 1 END,
    CASE WHEN e.created_at >= $3::timestamptz THEN s.middle ELSE s.high END
  FROM (SELECT low, high, (low + high) / 2 AS middle FROM search WHERE low < high) s
  JOIN credit_ledger e ON e.account_id = $1 AND e.seq = s.middle
)
SELECT low AS seq FROM search WHERE low = high`;

/**
 * The first entry of [1, lastSeq] that is not earlier than a time, or lastSeq + 1. The time is text, RFC 3339: a Date has no
 * microseconds, which entries have. Throws `LedgerGap`.
 */
export async function firstSeqNotBefore(
  db: Queryable,
  accountUuid: AccountUuid,
  lastSeq: number,
  time: string,
): Promise<number> {
  const [row] = await db.query<{ seq: number }>(FIRST_SEQ_NOT_BEFORE, [accountUuid, lastSeq, time]);
  if (row === undefined) throw new LedgerGap(`the ledger of account ${accountUuid} has a gap`);
  return row.seq;
}

/**
 * The entries first to last, oldest first, in pages: in constant memory and without a long transaction, since entries
 * never change. Throws `LedgerGap` when one of them is missing.
 */
export async function* readEntries(
  db: Queryable,
  accountUuid: AccountUuid,
  first: number,
  last: number,
): AsyncGenerator<EntryRow[], void, undefined> {
  let next = first;
  while (next <= last) {
    const rows = await db.query<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM credit_ledger
       WHERE account_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4`,
      [accountUuid, next, last, PAGE_ENTRIES],
    );
    for (const row of rows) {
      if (row.seq !== next) throw new LedgerGap(`entry ${next} of account ${accountUuid} is missing`);
      next += 1;
    }
    if (rows.length === 0) throw new LedgerGap(`entry ${next} of account ${accountUuid} is missing`);
    yield rows;
  }
}

export interface EntrySpan {
  readonly accountUuid: AccountUuid;
  /** Entries behind this one. */
  readonly after: number;
  /** This many at most. */
  readonly limit: number;
}

/** The next entries of many accounts by one statement, each account's together and in order. */
export async function readSpans(
  db: Queryable,
  spans: readonly EntrySpan[],
): Promise<readonly (EntryRow & { readonly account_id: AccountUuid })[]> {
  return db.query(
    `SELECT s.account_id, e.*
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS s(account_id, after, take, ord)
     CROSS JOIN LATERAL (
       SELECT ${ENTRY_COLUMNS} FROM credit_ledger c
       WHERE c.account_id = s.account_id AND c.seq > s.after ORDER BY c.seq LIMIT s.take
     ) e
     ORDER BY s.ord, e.seq`,
    [spans.map((span) => span.accountUuid), spans.map((span) => span.after), spans.map((span) => span.limit)],
  );
}
