import type { AccountUuid } from '@rushes/contract';
import { isLockTimeout, isTransient, isUnavailable } from '../../db/index.ts';
import type { Clock, Logger, Random } from '../../ports.ts';
import type { Tell } from '../notices.ts';
import { outcomeLabel } from '../outcome.ts';
import type { LeasedTask } from '../task.ts';
import type { WorkerMetrics } from '../worker-metrics.ts';
import type { PendingSubmission, Requeue, RequeueAnswer, Unknown } from './attempt-store.ts';
import { createCoalescer, type Coalescer, type CoalescerOptions } from './coalescer.ts';
import type { Settlement } from './settlement.ts';
import type { SettleAnswer } from './settlement-store.ts';
import type { TaskStore } from './task-store.ts';

/** Refunds must be visible within a second; a twentieth of that gathers most completions of a busy worker. */
const SETTLE_WINDOW_MS = 50;
const RECORD_WINDOW_MS = 5;
const ITEMS_PER_CALL = 2_000;
const FIRST_RETRY_PAUSE_MS = 50;
const LONGEST_RETRY_PAUSE_MS = 10_000;

/** What the tasks of a worker write, gathered into few calls across batches and accounts. */
interface Writers {
  readonly starts: Coalescer<LeasedTask, boolean>;
  readonly intents: Coalescer<LeasedTask, boolean>;
  readonly submissions: Coalescer<PendingSubmission, boolean>;
  readonly unknowns: Coalescer<Unknown, boolean>;
  readonly requeues: Coalescer<Requeue, RequeueAnswer>;
  readonly settlements: Coalescer<Settlement, SettleAnswer>;
}

interface WriterDeps {
  readonly store: Pick<
    TaskStore,
    'startBatches' | 'beginAttempts' | 'recordSubmissions' | 'markUnknown' | 'requeue' | 'settle'
  >;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly metrics: Pick<WorkerMetrics, 'settled' | 'refundDelay'>;
  readonly tell: Tell;
}

export function createWriters(deps: WriterDeps): Writers {
  const { store } = deps;
  const recording = <I, R>(what: string, accountOf: (item: I) => AccountUuid, flush: Flush<I, R>): Coalescer<I, R> =>
    writer(deps, { what, windowMs: RECORD_WINDOW_MS, accountOf, flush });
  const settling = <I, R>(what: string, accountOf: (item: I) => AccountUuid, flush: Flush<I, R>): Coalescer<I, R> =>
    writer(deps, { what, windowMs: SETTLE_WINDOW_MS, accountOf, flush });

  return {
    starts: recording('starting batches', accountOfTask, async (tasks) => {
      await store.startBatches(tasks);
      return tasks.map(() => true);
    }),
    intents: recording('recording intents', accountOfTask, (tasks) => store.beginAttempts(tasks)),
    submissions: recording<PendingSubmission, boolean>('recording submissions', accountOfItem, (items) =>
      recordSubmissions(store, items),
    ),
    unknowns: recording<Unknown, boolean>('recording unknown outcomes', accountOfItem, (items) =>
      store.markUnknown(items),
    ),
    requeues: settling<Requeue, RequeueAnswer>('requeueing', accountOfItem, (items) => store.requeue(items)),
    settlements: settling('settling', accountOfItem, async (items: readonly Settlement[]) => {
      const answers = await store.settle(items);
      countSettled(deps, items, answers);
      return answers;
    }),
  };
}

type Flush<I, R> = (items: readonly I[]) => Promise<readonly R[]>;

function accountOfTask(task: LeasedTask): AccountUuid {
  return task.accountUuid;
}

function accountOfItem({ task }: { readonly task: LeasedTask }): AccountUuid {
  return task.accountUuid;
}

interface WriterOptions<I, R> {
  /** For the log and the operator: `settling`. */
  readonly what: string;
  readonly windowMs: number;
  readonly accountOf: (item: I) => AccountUuid;
  readonly flush: Flush<I, R>;
}

/** What fails for one account is set apart from the others, and the operator is told. */
function writer<I, R>(deps: WriterDeps, { what, windowMs, accountOf, flush }: WriterOptions<I, R>): Coalescer<I, R> {
  return createCoalescer({
    flush,
    clock: deps.clock,
    windowMs,
    maxItems: ITEMS_PER_CALL,
    onError: onError(deps, what),
    groupOf: accountOf,
    onQuarantined: (accountUuid, error) => {
      const reason = error instanceof Error ? error.message : String(error);
      deps.tell({ type: 'account.quarantined', accountUuid, what, reason });
    },
    onReleased: (accountUuid) => {
      deps.tell({ type: 'account.released', accountUuid, what });
    },
  });
}

function onError(
  { random, logger }: WriterDeps,
  what: string,
): CoalescerOptions<unknown, unknown, AccountUuid>['onError'] {
  return (error, items, failuresInARow) => {
    const backoffMs = FIRST_RETRY_PAUSE_MS * 2 ** Math.min(failuresInARow, 10);
    const pauseMs = Math.min(LONGEST_RETRY_PAUSE_MS, backoffMs) * (0.5 + random.fraction());
    if (isLockTimeout(error)) {
      logger.warn({ err: error, items: items.length }, `${what} waits for a locked account`);
      return { action: 'set-apart', pauseMs };
    }
    if (isTransient(error) || isUnavailable(error)) {
      logger.warn({ err: error, items: items.length }, `${what} waits for the database`);
      return { action: 'retry', pauseMs };
    }
    // The alert is the notice, once; this line comes with every try.
    logger.error({ err: error, items: items.length }, `${what} failed and is tried again in parts`);
    return { action: 'split', pauseMs };
  };
}

/** Ids whose settlement carries them need no write, and count as written. */
async function recordSubmissions(
  store: Pick<TaskStore, 'recordSubmissions'>,
  items: readonly PendingSubmission[],
): Promise<boolean[]> {
  const open = items.filter((item) => !item.isMoot);
  if (open.length === 0) return items.map(() => true);
  const won = await store.recordSubmissions(open);
  const wonBy = new Map(open.map((item, at) => [item, won[at] ?? false]));
  return items.map((item) => wonBy.get(item) ?? true);
}

function countSettled(
  { metrics, clock }: WriterDeps,
  items: readonly Settlement[],
  answers: readonly SettleAnswer[],
): void {
  const nowMs = clock.monotonicMs();
  /** By route and outcome: finding a metric by its labels costs more than all else that is done for a settled task here. */
  const counts = new Map<string, Map<string, number>>();
  for (const [at, { task, outcome, knownAtMs }] of items.entries()) {
    if (answers[at] !== 'settled') continue;
    const ofRoute = counts.get(task.route) ?? new Map<string, number>();
    counts.set(task.route, ofRoute);
    const label = outcomeLabel(outcome);
    ofRoute.set(label, (ofRoute.get(label) ?? 0) + 1);
    if (outcome.kind === 'failed') metrics.refundDelay.observe({}, (nowMs - knownAtMs) / 1_000);
  }
  for (const [route, ofRoute] of counts) {
    for (const [outcome, count] of ofRoute) metrics.settled.add({ route, outcome }, count);
  }
}
