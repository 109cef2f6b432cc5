import type { FailureType, Page, Task, TaskStatus, AccountUuid, BatchUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { badCursor, batchNotFound } from './refusals.ts';
import { SELECT_TASKS, STATES_OF, toTask, type TaskRow } from './task-view.ts';

export interface TaskFilter {
  readonly status?: TaskStatus;
  readonly failureType?: FailureType;
  readonly customId?: string;
}

export interface TaskPage {
  readonly limit: number;
  /** The `next_cursor` of the previous page, or null. */
  readonly cursor: string | null;
}

/** A page of results with prompts of 5,000 characters stays below 5 MB. */
const RESULTS_PAGE_TASKS = 250;

function readCursor(text: string): number | null {
  const [kind, index, ...more] = decodeCursor(text) ?? [];
  return kind === 'index' && typeof index === 'number' && index >= 0 && index < 2 ** 31 && more.length === 0
    ? index
    : null;
}

async function tasksAfter(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  filter: TaskFilter,
  after: number,
  limit: number,
): Promise<TaskRow[]> {
  return db.query<TaskRow>(
    `${SELECT_TASKS}
     WHERE t.account_id = $1 AND t.batch_id = $2 AND t.task_index > $3
       AND ($4::text[] IS NULL OR t.state = ANY ($4)) AND ($5::text IS NULL OR t.failure_type = $5)
       AND ($6::text IS NULL OR t.custom_id = $6)
     ORDER BY t.task_index LIMIT $7`,
    [
      accountUuid,
      batchUuid,
      after,
      filter.status === undefined ? null : STATES_OF[filter.status],
      filter.failureType ?? null,
      filter.customId ?? null,
      limit,
    ],
  );
}

async function batchExists(db: Queryable, accountUuid: AccountUuid, batchUuid: BatchUuid): Promise<boolean> {
  const found = await db.query('SELECT 1 FROM batches WHERE account_id = $1 AND batch_id = $2', [
    accountUuid,
    batchUuid,
  ]);
  return found.length > 0;
}

export async function findTask(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  index: number,
): Promise<Task | null> {
  // An id can have any safe integer; the column holds a smaller range.
  if (index >= 2 ** 31) return null;
  const [row] = await tasksAfter(db, accountUuid, batchUuid, {}, index - 1, 1);
  return row?.task_index === index ? toTask(row) : null;
}

/** Tasks of a batch by index. */
export async function listTasks(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  filter: TaskFilter,
  { limit, cursor }: TaskPage,
): Promise<Outcome<Page<Task>>> {
  const after = cursor === null ? -1 : readCursor(cursor);
  if (after === null) return refuse(badCursor());
  const rows = await tasksAfter(db, accountUuid, batchUuid, filter, after, limit + 1);
  if (rows.length === 0 && !(await batchExists(db, accountUuid, batchUuid))) return refuse(batchNotFound(batchUuid));
  const data = rows.slice(0, limit).map(toTask);
  const last = data.at(-1);
  const hasMore = rows.length > limit;
  return accept({
    data,
    has_more: hasMore,
    next_cursor: hasMore && last !== undefined ? encodeCursor(['index', last.index]) : null,
  });
}

/** Every task of a batch in index order, in pages and constant memory; null when there is no such batch. */
export async function streamTasks(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  filter: TaskFilter,
): Promise<AsyncIterable<Task[]> | null> {
  if (!(await batchExists(db, accountUuid, batchUuid))) return null;
  return pages(db, accountUuid, batchUuid, filter);
}

async function* pages(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  filter: TaskFilter,
): AsyncGenerator<Task[], void, undefined> {
  let after = -1;
  for (;;) {
    const rows = await tasksAfter(db, accountUuid, batchUuid, filter, after, RESULTS_PAGE_TASKS);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(toTask);
    if (rows.length < RESULTS_PAGE_TASKS) return;
    after = last.task_index;
  }
}
