import {
  batchIds,
  type Batch,
  type CancelResult,
  type Estimate,
  type Page,
  type Task,
  type BatchUuid,
} from '@rushes/contract';
import { isTransient, isUnavailable, type Database } from '../db/index.ts';
import type { Random } from '../ports.ts';
import { refuse, type Outcome } from '../outcome/index.ts';
import { toBatch } from './batch-view.ts';
import { cancelBatch, pauseBatch, resumeBatch } from './control-batch.ts';
import { createBatch, type CreatedBatch } from './create-batch.ts';
import { estimateBatch } from './estimate-batch.ts';
import { findBatchRow, listBatches, type BatchFilter, type BatchPage } from './find-batches.ts';
import { findTask, listTasks, streamTasks, type TaskFilter, type TaskPage } from './find-tasks.ts';
import { unavailable } from './refusals.ts';
import type { BatchCaller } from './account-check.ts';
import type { Submission } from './submission/index.ts';

export interface BatchServiceDeps {
  readonly db: Database;
  readonly random: Random;
  /** The route for the tasks of a model and an account. */
  readonly routeFor: (model: string, mode: BatchCaller['mode']) => string;
  /** Milliseconds that one attempt with a model may take, counted from its submission. */
  readonly modelTimeoutMs: (model: string) => number;
}

/** Everything that the rest of the server can do with batches. Only batches of the caller's account can be read. */
export interface BatchService {
  create(caller: BatchCaller, submission: Submission): Promise<Outcome<CreatedBatch>>;
  estimate(caller: BatchCaller, submission: Submission): Promise<Outcome<Estimate>>;
  get(caller: BatchCaller, batchUuid: BatchUuid): Promise<Batch | null>;
  list(caller: BatchCaller, filter: BatchFilter, page: BatchPage): Promise<Outcome<Page<Batch>>>;
  tasks(caller: BatchCaller, batchUuid: BatchUuid, filter: TaskFilter, page: TaskPage): Promise<Outcome<Page<Task>>>;
  task(caller: BatchCaller, batchUuid: BatchUuid, index: number): Promise<Task | null>;
  /** Pages of tasks in index order; null when the account has no such batch. */
  results(caller: BatchCaller, batchUuid: BatchUuid, filter: TaskFilter): Promise<AsyncIterable<Task[]> | null>;
  cancel(
    caller: BatchCaller,
    batchUuid: BatchUuid,
    options: { readonly preview: boolean },
  ): Promise<Outcome<CancelResult>>;
  pause(caller: BatchCaller, batchUuid: BatchUuid): Promise<Outcome<Batch>>;
  resume(caller: BatchCaller, batchUuid: BatchUuid): Promise<Outcome<Batch>>;
}

/** Turns an unavailable database, or a lock that was not granted in time, into a refusal. */
async function orUnavailable<T>(work: Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work;
  } catch (error) {
    if (isUnavailable(error) || isTransient(error)) return refuse(unavailable());
    throw error;
  }
}

export function createBatchService({ db, random, routeFor, modelTimeoutMs }: BatchServiceDeps): BatchService {
  return {
    create(caller, submission) {
      const batch = {
        batchUuid: batchIds.newUuid(random),
        route: routeFor(submission.model.id, caller.mode),
        timeoutMs: modelTimeoutMs(submission.model.id),
      };
      return orUnavailable(createBatch(db, caller, submission, batch));
    },
    estimate: (caller, submission) => orUnavailable(estimateBatch(db, caller, submission)),
    async get({ accountUuid }, batchUuid) {
      const row = await findBatchRow(db, accountUuid, batchUuid);
      return row === null ? null : toBatch(row);
    },
    list: ({ accountUuid }, filter, page) => listBatches(db, accountUuid, filter, page),
    tasks: ({ accountUuid }, batchUuid, filter, page) => listTasks(db, accountUuid, batchUuid, filter, page),
    task: ({ accountUuid }, batchUuid, index) => findTask(db, accountUuid, batchUuid, index),
    results: ({ accountUuid }, batchUuid, filter) => streamTasks(db, accountUuid, batchUuid, filter),
    cancel: ({ accountUuid }, batchUuid, { preview }) =>
      orUnavailable(cancelBatch(db, accountUuid, batchUuid, preview)),
    pause: ({ accountUuid }, batchUuid) => orUnavailable(pauseBatch(db, accountUuid, batchUuid)),
    resume: ({ accountUuid }, batchUuid) => orUnavailable(resumeBatch(db, accountUuid, batchUuid)),
  };
}
