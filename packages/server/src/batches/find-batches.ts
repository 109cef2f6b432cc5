import { batchIds, type Batch, type BatchStatus, type Page, type AccountUuid, type BatchUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { SELECT_BATCHES, toBatch, type BatchRow } from './batch-view.ts';
import { decodeCursor, encodeCursor, type CursorParts } from './cursor.ts';
import { badCursor } from './refusals.ts';

export interface BatchFilter {
  readonly status?: BatchStatus;
  readonly model?: string;
  /** Only the batch with this request_id. */
  readonly requestId?: string;
  /** Both exclusive. */
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
}

export interface BatchPage {
  readonly limit: number;
  /** `desc` is newest first. */
  readonly order: 'asc' | 'desc';
  /** The `next_cursor` of the previous page, or null. */
  readonly cursor: string | null;
}

function readCursor(text: string, order: 'asc' | 'desc'): { us: number; uuid: BatchUuid } | null {
  const [kind, us, last]: CursorParts = decodeCursor(text) ?? [];
  if (kind !== order || typeof us !== 'number' || typeof last !== 'string') return null;
  const uuid = batchIds.readUuid(last);
  return uuid === null ? null : { us, uuid };
}

export async function findBatchRow(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
): Promise<BatchRow | null> {
  const [row] = await db.query<BatchRow>(`${SELECT_BATCHES} WHERE b.account_id = $1 AND b.batch_id = $2`, [
    accountUuid,
    batchUuid,
  ]);
  return row ?? null;
}

/** The account's batches by time of creation. Pages stay correct while new batches are created. */
export async function listBatches(
  db: Queryable,
  accountUuid: AccountUuid,
  filter: BatchFilter,
  { limit, order, cursor }: BatchPage,
): Promise<Outcome<Page<Batch>>> {
  const after = cursor === null ? null : readCursor(cursor, order);
  if (cursor !== null && after === null) return refuse(badCursor());
  const [comparison, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const rows = await db.query<BatchRow>(
    `${SELECT_BATCHES}
     WHERE b.account_id = $1 AND ($2::text IS NULL OR b.status = $2) AND ($3::text IS NULL OR b.model = $3)
       AND ($4::timestamptz IS NULL OR b.created_at > $4) AND ($5::timestamptz IS NULL OR b.created_at < $5)
       AND ($6::bigint IS NULL OR (b.created_at, b.batch_id) ${comparison}
         (timestamptz 'epoch' + $6 * interval '1 microsecond', $7::uuid))
       AND ($9::text IS NULL OR b.request_id = $9)
     ORDER BY b.created_at ${direction}, b.batch_id ${direction} LIMIT $8`,
    [
      accountUuid,
      filter.status ?? null,
      filter.model ?? null,
      filter.createdAfter ?? null,
      filter.createdBefore ?? null,
      after?.us ?? null,
      after?.uuid ?? null,
      limit + 1,
      filter.requestId ?? null,
    ],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit;
  return accept({
    data: page.map(toBatch),
    has_more: hasMore,
    next_cursor: hasMore && last !== undefined ? encodeCursor([order, last.created_at_us, last.batch_id]) : null,
  });
}
