import type { LedgerEntry, Page, AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { ENTRY_COLUMNS, toEntry, type EntryRow } from './entry-view.ts';

export interface LedgerPage {
  readonly limit: number;
  /** Newest first is `desc`. */
  readonly order: 'asc' | 'desc';
  /** The `next_cursor` of the page before, or null. */
  readonly cursor: string | null;
}

/** The number of the last entry of the page before; null for anything that encodeCursor did not write. */
function decodeCursor(text: string, order: 'asc' | 'desc'): number | null {
  const [, word, digits] = /^(asc|desc) ([1-9]\d{0,15})$/.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  const seq = Number(digits);
  return word === order && Number.isSafeInteger(seq) && encodeCursor(seq, order) === text ? seq : null;
}

function encodeCursor(seq: number, order: 'asc' | 'desc'): string {
  return Buffer.from(`${order} ${seq}`).toString('base64url');
}

/** The account's entries by their numbers, newest first unless turned. */
export async function listEntries(
  db: Queryable,
  accountUuid: AccountUuid,
  { limit, order, cursor }: LedgerPage,
): Promise<Outcome<Page<LedgerEntry>>> {
  const start = order === 'asc' ? 0 : Number.MAX_SAFE_INTEGER;
  const after = cursor === null ? start : decodeCursor(cursor, order);
  if (after === null) {
    const detail =
      '`cursor` is not from this list in this order. Send the `next_cursor` of the previous page, unchanged.';
    return refuse({ code: 'invalid_request', detail, param: 'cursor' });
  }
  const [comparison, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const rows = await db.query<EntryRow>(
    `SELECT ${ENTRY_COLUMNS} FROM credit_ledger
     WHERE account_id = $1 AND seq ${comparison} $2 ORDER BY seq ${direction} LIMIT $3`,
    [accountUuid, after, limit + 1],
  );
  const data = rows.slice(0, limit).map(toEntry);
  const last = data.at(-1);
  const hasMore = rows.length > limit;
  return accept({
    data,
    has_more: hasMore,
    next_cursor: hasMore && last !== undefined ? encodeCursor(last.seq, order) : null,
  });
}
