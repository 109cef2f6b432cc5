import type { FailureType } from '@rushes/contract';
import type { Database } from '../../db/index.ts';
import type { LeasedTask } from '../task.ts';
import { answers, flags, keys, leaseColumns, rangesOf, type BatchName } from './task-columns.ts';

/** A task that was sent, and the id that its upstream gave it. */
export interface Submission {
  readonly task: LeasedTask;
  readonly upstreamId: string;
}

/** A submission that waits to be recorded. `isMoot` once the task's settlement carries the id: then there is nothing to record. */
export interface PendingSubmission extends Submission {
  isMoot: boolean;
}

/** A task that was sent without a clear answer. */
export interface Unknown {
  readonly task: LeasedTask;
  readonly detail: string;
}

export type RequeueAnswer = 'requeued' | 'closed' | 'lost';

export interface Requeue {
  readonly task: LeasedTask;
  /** How the attempt ended; null for a task that was not sent. */
  readonly failure: {
    readonly type: FailureType;
    readonly detail: string;
    /** Whether it uses up one of the task's retries. */
    readonly counted: boolean;
    /** The upstream may have started a generation that nobody will look at. */
    readonly possibleDuplicate: boolean;
  } | null;
  readonly delayMs: number;
}

/** The attempts of tasks, each from its committed intent to its outcome or to the queue. */
export interface AttemptStore {
  /** The batches of these tasks begin, if they have not begun yet. */
  startBatches(batches: readonly BatchName[]): Promise<void>;
  /** Answers, for each task, whether it may be sent now. */
  beginAttempts(tasks: readonly LeasedTask[]): Promise<boolean[]>;
  /** Answers, for each, whether the task was still ours. */
  recordSubmissions(submissions: readonly Submission[]): Promise<boolean[]>;
  /** Answers, for each, whether the task was still ours. */
  markUnknown(unknowns: readonly Unknown[]): Promise<boolean[]>;
  requeue(requeues: readonly Requeue[]): Promise<RequeueAnswer[]>;
}

export function createAttemptStore(db: Database): AttemptStore {
  return {
    async startBatches(batches) {
      await db.query('SELECT start_batches($1::uuid[], $2::uuid[])', leaseColumns(batches));
    },

    beginAttempts: (tasks) => beginAttempts(db, tasks),

    async recordSubmissions(submissions) {
      const tasks = submissions.map((submission) => submission.task);
      const rows = await db.query<{ ord: number }>(
        'SELECT * FROM record_submissions($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::text[])',
        [
          ...Object.values(keys(tasks)),
          tasks.map((task) => task.attempt),
          submissions.map((submission) => submission.upstreamId),
        ],
      );
      return flags(tasks.length, rows);
    },

    async markUnknown(unknowns) {
      const tasks = unknowns.map((unknown) => unknown.task);
      const rows = await db.query<{ ord: number }>(
        'SELECT * FROM mark_unknown($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[])',
        [...Object.values(keys(tasks)), unknowns.map((unknown) => unknown.detail)],
      );
      return flags(tasks.length, rows);
    },

    requeue: (requeues) => requeue(db, requeues),
  };
}

async function beginAttempts(db: Database, tasks: readonly LeasedTask[]): Promise<boolean[]> {
  const ranges = rangesOf(tasks);
  const rows = await db.query<{ ord: number; indexes: number[] | null }>(
    'SELECT * FROM begin_attempts($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::bigint[], $6::int[], $7::int[])',
    [
      ranges.map(({ first }) => first.accountUuid),
      ranges.map(({ first }) => first.batchUuid),
      ranges.map(({ first }) => first.index),
      ranges.map(({ first, places }) => first.index + places.length - 1),
      ranges.map(({ first }) => first.fence),
      ranges.map(({ first }) => first.attempt + 1),
      ranges.map(({ first }) => first.timeoutMs),
    ],
  );
  const begun = new Array<boolean>(tasks.length).fill(false);
  for (const { ord, indexes } of rows) {
    const range = ranges[ord - 1];
    if (range === undefined) continue;
    for (const index of indexes ?? range.places.keys()) {
      const place = range.places[indexes === null ? index : index - range.first.index];
      if (place !== undefined) begun[place] = true;
    }
  }
  return begun;
}

async function requeue(db: Database, requeues: readonly Requeue[]): Promise<RequeueAnswer[]> {
  const rows = await db.query<{ ord: number; answer: RequeueAnswer }>(
    `SELECT * FROM requeue_tasks($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::text[],
       $7::boolean[], $8::boolean[], $9::int[])`,
    [
      ...Object.values(keys(requeues.map((requeue) => requeue.task))),
      requeues.map(({ failure }) => failure?.type ?? null),
      requeues.map(({ failure }) => failure?.detail ?? null),
      requeues.map(({ failure }) => failure?.counted ?? false),
      requeues.map(({ failure }) => failure?.possibleDuplicate ?? false),
      requeues.map((requeue) => Math.round(requeue.delayMs)),
    ],
  );
  return answers(requeues.length, rows, 'lost');
}
