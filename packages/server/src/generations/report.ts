import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { BATCH_CONDITION, filterValues, GENERATIONS, type GenerationFilter, type Match } from './generation-rows.ts';

/** One submission that the upstream took or may have taken, and the task it was made for. */
export interface ReportedGeneration {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly taskIndex: number;
  readonly attempt: number;
  /** Null for batches from before routes were kept. */
  readonly route: string | null;
  readonly model: string;
  /** Null when the upstream never told us its id. */
  readonly upstreamId: string | null;
  readonly match: Match;
  /** The upstream itself reported it as failed. */
  readonly failed: boolean;
  /** Millionths of a US dollar; null when no cost was set for that route, model and time. */
  readonly microUsd: number | null;
  readonly submittedAt: Date;
}

/** Where a page ended: account, batch, task index and attempt. */
export type ReportPosition = readonly [
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  taskIndex: number,
  attempt: number,
];

export interface ReportPage {
  readonly rows: readonly ReportedGeneration[];
  /** Null when nothing can follow. */
  readonly next: ReportPosition | null;
}

/** Batches looked into by one statement, so that a page costs the same however long the history is. */
const BATCHES_PER_STEP = 200;
/** A page may end short after so many, or a search for something rare would hold its caller for minutes. */
const STEPS_PER_PAGE = 10;
const LAST_OF_BATCH = 2_147_483_647;

/** Up to `limit` generations after a position, by account, batch, task and attempt. May end short and still have a `next`. */
export async function reportPage(
  db: Database,
  filter: GenerationFilter,
  after: ReportPosition | null,
  limit: number,
): Promise<ReportPage> {
  const rows: ReportedGeneration[] = [];
  let position = after;
  for (let step = 0; step < STEPS_PER_PAGE; step += 1) {
    const batches = await batchesFrom(db, filter, position);
    if (batches.length > 0) rows.push(...(await rowsOf(db, filter, batches, position, limit - rows.length)));
    const last = rows.at(-1);
    if (rows.length === limit && last !== undefined) {
      return { rows, next: [last.accountUuid, last.batchUuid, last.taskIndex, last.attempt] };
    }
    const lastBatch = batches.at(-1);
    if (lastBatch === undefined || batches.length < BATCHES_PER_STEP) return { rows, next: null };
    position = [lastBatch.accountUuid, lastBatch.batchUuid, LAST_OF_BATCH, LAST_OF_BATCH];
  }
  return { rows, next: position };
}

const STREAM_PAGE = 5_000;

/** All of it, page by page. */
export async function* reportPages(
  db: Database,
  filter: GenerationFilter,
): AsyncGenerator<readonly ReportedGeneration[]> {
  let after: ReportPosition | null = null;
  do {
    const page: ReportPage = await reportPage(db, filter, after, STREAM_PAGE);
    if (page.rows.length > 0) yield page.rows;
    after = page.next;
  } while (after !== null);
}

interface BatchKey {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
}

function batchesFrom(db: Database, filter: GenerationFilter, position: ReportPosition | null): Promise<BatchKey[]> {
  // Each parameter of the condition stands in the text; $5 is checked on the rows.
  return db.query<BatchKey>(
    `SELECT b.account_id AS "accountUuid", b.batch_id AS "batchUuid" FROM batches b
     WHERE ${BATCH_CONDITION} AND ($5::text IS NULL OR true)
       AND ($6::uuid IS NULL OR (b.account_id, b.batch_id) >= ($6::uuid, $7::uuid))
     ORDER BY b.account_id, b.batch_id LIMIT ${BATCHES_PER_STEP}`,
    [...filterValues(filter), position?.[0] ?? null, position?.[1] ?? null],
  );
}

function rowsOf(
  db: Database,
  filter: GenerationFilter,
  batches: readonly BatchKey[],
  position: ReportPosition | null,
  limit: number,
): Promise<ReportedGeneration[]> {
  return db.query<ReportedGeneration>(
    `WITH chosen AS (
       SELECT b.* FROM unnest($6::uuid[], $7::uuid[]) AS i(account_id, batch_id)
       JOIN batches b ON b.account_id = i.account_id AND b.batch_id = i.batch_id
       WHERE ${BATCH_CONDITION}
     ), ${GENERATIONS}
     SELECT account_id AS "accountUuid", batch_id AS "batchUuid", task_index AS "taskIndex", attempt, route, model,
       upstream_id AS "upstreamId", match, failed, micro_usd AS "microUsd", submitted_at AS "submittedAt"
     FROM generations
     WHERE $8::uuid IS NULL OR (account_id, batch_id, task_index, attempt) > ($8::uuid, $9::uuid, $10::int, $11::int)
     ORDER BY account_id, batch_id, task_index, attempt LIMIT $12`,
    [
      ...filterValues(filter),
      batches.map(({ accountUuid }) => accountUuid),
      batches.map(({ batchUuid }) => batchUuid),
      ...(position ?? [null, null, null, null]),
      limit,
    ],
  );
}
