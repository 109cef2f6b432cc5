import { isLockTimeout, isTransient, isUnavailable } from '../../db/index.ts';
import type { Clock, Logger, Random } from '../../ports.ts';
import { createCoalescer, type Coalescer, type CoalescerOptions } from './coalescer.ts';
import type { Ended } from './settlement.ts';
import type { Tell } from '../notices.ts';
import type { Requeue, RequeueAnswer, SettleAnswer, TaskStore } from './task-store.ts';
import type { LeasedTask } from '../task.ts';
import { outcomeOf, type WorkerMetrics } from '../worker-metrics.ts';

/** Refunds must be visible within a second; a twentieth of that gathers most completions of a busy worker. */
const SETTLE_WINDOW_MS = 50;
const RECORD_WINDOW_MS = 5;
const ITEMS_PER_CALL = 2_000;
const FIRST_RETRY_PAUSE_MS = 50;
const LONGEST_RETRY_PAUSE_MS = 10_000;

/** `isMoot` once the task's settlement carries the id: then there is nothing to record. */
export type Submitted = Parameters<TaskStore['recordSubmissions']>[0][number] & { isMoot: boolean };
type Unknown = Parameters<TaskStore['markUnknown']>[0][number];

/** What the tasks of a worker write, gathered into few calls across batches and accounts. */
export interface Writers {
  readonly starts: Coalescer<LeasedTask, boolean>;
  readonly intents: Coalescer<LeasedTask, boolean>;
  readonly submitted: Coalescer<Submitted, boolean>;
  readonly unknowns: Coalescer<Unknown, boolean>;
  readonly requeues: Coalescer<Requeue, RequeueAnswer>;
  readonly endings: Coalescer<Ended, SettleAnswer>;
}

interface WriterDeps {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
  readonly tell: Tell;
}

export function createWriters({ store, clock, random, logger, metrics, tell }: WriterDeps): Writers {
  const onError =
    (what: string): CoalescerOptions<unknown, unknown>['onError'] =>
    (error, items, failuresInARow) => {
      const backoffMs = FIRST_RETRY_PAUSE_MS * 2 ** Math.min(failuresInARow, 10);
      const pauseMs = Math.min(LONGEST_RETRY_PAUSE_MS, backoffMs) * (0.5 + random.fraction());
      if (isLockTimeout(error)) {
        logger.warn({ err: error, items: items.length }, `${what} waits for an account that is locked`);
        return { action: 'set-apart', pauseMs };
      }
      if (isTransient(error) || isUnavailable(error)) {
        logger.warn({ err: error, items: items.length }, `${what} waits for the database`);
        return { action: 'retry', pauseMs };
      }
      // The alert is the notice, once; this line comes with every try.
      logger.error({ err: error, items: items.length }, `${what} failed: tried in parts`);
      return { action: 'split', pauseMs };
    };
  const writer = <I, R>(
    what: string,
    windowMs: number,
    accountOf: (item: I) => string,
    flush: (items: readonly I[]) => Promise<readonly R[]>,
  ): Coalescer<I, R> =>
    createCoalescer({
      flush,
      clock,
      windowMs,
      maxItems: ITEMS_PER_CALL,
      onError: onError(what),
      groupOf: accountOf,
      onQuarantined: (accountId, error) => {
        const reason = error instanceof Error ? error.message : String(error);
        tell({ type: 'account.quarantined', accountId, what, reason });
      },
      onReleased: (accountId) => {
        tell({ type: 'account.released', accountId, what });
      },
    });
  const ofTask = (task: LeasedTask): string => task.accountId;

  return {
    starts: writer('starting batches', RECORD_WINDOW_MS, ofTask, async (tasks) => {
      await store.startBatches(tasks);
      return tasks.map(() => true);
    }),
    intents: writer('recording intents', RECORD_WINDOW_MS, ofTask, (tasks) => store.beginAttempts(tasks)),
    submitted: writer<Submitted, boolean>(
      'recording submissions',
      RECORD_WINDOW_MS,
      ({ task }) => task.accountId,
      async (items) => {
        const open = items.filter((item) => !item.isMoot);
        if (open.length === 0) return items.map(() => true);
        const won = await store.recordSubmissions(open);
        const wonBy = new Map(open.map((item, at) => [item, won[at] ?? false]));
        return items.map((item) => wonBy.get(item) ?? true);
      },
    ),
    unknowns: writer<Unknown, boolean>(
      'recording unknown outcomes',
      RECORD_WINDOW_MS,
      ({ task }) => task.accountId,
      (items) => store.markUnknown(items),
    ),
    requeues: writer<Requeue, RequeueAnswer>(
      'requeueing',
      SETTLE_WINDOW_MS,
      ({ task }) => task.accountId,
      (items) => store.requeue(items),
    ),
    endings: writer<Ended, SettleAnswer>(
      'settling',
      SETTLE_WINDOW_MS,
      ({ task }) => task.accountId,
      async (items) => {
        const answers = await store.settle(items);
        countSettled(metrics, clock, items, answers);
        return answers;
      },
    ),
  };
}

function countSettled(
  metrics: WorkerMetrics,
  clock: Clock,
  items: readonly Ended[],
  answers: readonly SettleAnswer[],
): void {
  const nowMs = clock.monotonicMs();
  /** By route and outcome: finding a metric by its labels costs more than all else that is done for a settled task here. */
  const counts = new Map<string, Map<string, number>>();
  for (const [at, { task, ending, knownAtMs }] of items.entries()) {
    if (answers[at] !== 'settled') continue;
    const ofRoute = counts.get(task.route) ?? new Map<string, number>();
    counts.set(task.route, ofRoute);
    const outcome = outcomeOf(ending);
    ofRoute.set(outcome, (ofRoute.get(outcome) ?? 0) + 1);
    if (ending.outcome === 'failed') metrics.refundDelay.observe({}, (nowMs - knownAtMs) / 1_000);
  }
  for (const [route, ofRoute] of counts) {
    for (const [outcome, count] of ofRoute) metrics.settled.add({ route, outcome }, count);
  }
}
