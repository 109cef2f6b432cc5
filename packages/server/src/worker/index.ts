/** The worker: claims tasks, takes each to its end, and settles what came of them. */
import pLimit from 'p-limit';
import { isLockTimeout, isTransient, isUnavailable, type Database } from '../db/index.ts';
import type { Clock, HttpClient, Logger, Random, VideoStorage } from '../ports.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { createCoalescer, type Coalescer, type FailedCall } from './coalescer.ts';
import { dispatch, Wake, type DispatchOptions } from './dispatch.ts';
import { drive } from './drive.ts';
import type { Engine, Route } from './engine.ts';
import { expireBatches, renewLeases, takeOverLeases } from './sweep.ts';
import { createTaskStore, type Ending, type Requeue } from './task-store.ts';
import { TasksInFlight } from './tasks-in-flight.ts';
import type { LeasedTask } from './task.ts';

export type { Route } from './engine.ts';
export { upstreamReport, type ReportedSubmission } from './upstream-report.ts';

export interface WorkerOptions {
  readonly workerId: string;
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly http: HttpClient;
  readonly storage: VideoStorage;
  readonly routes: readonly Route[];
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Longest pause between two looks for work. */
  readonly dispatchIntervalMs: number;
  /** Derives the name of one attempt that the upstream is given. */
  readonly tokenFor: (task: { accountId: string; batchId: string; index: number }, attempt: number) => string;
  /** Worker ids of processes on this machine that are known to be dead, each reported until it was forgotten. */
  readonly deadWorkers: () => Promise<readonly { workerId: string; forget: () => Promise<void> }[]>;
}

export interface Worker {
  /** Looks for work now instead of at the next poll. */
  wake(): void;
  readonly tasksInFlight: number;
  /** Claims nothing more, lets calls in the air finish and be recorded, then gives its leases up. */
  stop(): Promise<void>;
}

/** Submissions in the air at once per route: each holds a socket and memory for its prompt. */
const CONCURRENT_SUBMISSIONS = 256;
const CONCURRENT_POLLS = 64;
const CONCURRENT_DOWNLOADS = 16;
/** Refunds must be visible within a second; a twentieth of that gathers most completions of a busy worker. */
const SETTLE_WINDOW_MS = 50;
const RECORD_WINDOW_MS = 5;
const ITEMS_PER_CALL = 2_000;
/** A submission in the air gets this long to be answered and recorded before the process goes. */
const STOP_DEADLINE_MS = 20_000;
const LONGEST_RETRY_PAUSE_MS = 10_000;

/** Starts the loops of a worker. They end with `stop`. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { clock, random, logger, db } = options;
  const store = createTaskStore(db, clock);
  for (const route of options.routes) await store.configureRoute(route.name, route.maxConcurrentTasks);

  const wake = new Wake((ms, signal) => clock.sleep(ms, signal));
  const onError =
    (what: string) =>
    (error: unknown, items: readonly unknown[], failuresInARow: number): { action: FailedCall; pauseMs: number } => {
      const pauseMs = Math.min(LONGEST_RETRY_PAUSE_MS, 50 * 2 ** Math.min(failuresInARow, 10)) * (0.5 + random.fraction());
      if (isLockTimeout(error)) {
        logger.warn({ err: error, items: items.length }, `${what} waits for an account that is locked`);
        return { action: 'set-apart', pauseMs };
      }
      if (isTransient(error) || isUnavailable(error)) {
        logger.warn({ err: error, items: items.length }, `${what} waits for the database`);
        return { action: 'retry', pauseMs };
      }
      logger.error({ err: error, items: items.length, alert: true }, `${what} failed: tried in parts`);
      return { action: 'split', pauseMs };
    };
  const coalescer = <I, R>(
    what: string,
    windowMs: number,
    groupOf: (item: I) => string,
    flush: (items: readonly I[]) => Promise<readonly R[]>,
  ): Coalescer<I, R> => createCoalescer<I, R>({ flush, clock, windowMs, maxItems: ITEMS_PER_CALL, onError: onError(what), groupOf });

  const engine: Engine = {
    workerId: options.workerId,
    store,
    clock,
    random,
    logger,
    http: options.http,
    storage: options.storage,
    inFlight: new TasksInFlight(),
    downloads: pLimit(CONCURRENT_DOWNLOADS),
    tokenFor: options.tokenFor,
    routes: new Map(
      options.routes.map((route) => [
        route.name,
        {
          route,
          breaker: new CircuitBreaker(clock, random),
          submissions: pLimit(CONCURRENT_SUBMISSIONS),
          polls: pLimit(CONCURRENT_POLLS),
        },
      ]),
    ),
    starts: coalescer('starting batches', RECORD_WINDOW_MS, (batch) => batch.accountId, async (items) => {
      await store.startBatches(items);
      return items.map(() => true);
    }),
    intents: coalescer('recording intents', RECORD_WINDOW_MS, (task) => task.accountId, (items) => store.beginAttempts(items)),
    submitted: coalescer('recording submissions', RECORD_WINDOW_MS, (item: { task: LeasedTask; upstreamId: string }) => item.task.accountId, (items) => store.recordSubmissions(items)),
    unknowns: coalescer('recording unknown outcomes', RECORD_WINDOW_MS, (item: { task: LeasedTask; detail: string }) => item.task.accountId, (items) => store.markUnknown(items)),
    requeues: coalescer('requeueing', SETTLE_WINDOW_MS, (item: Requeue) => item.task.accountId, (items) => store.requeue(items)),
    endings: coalescer('settling', SETTLE_WINDOW_MS, (item: { task: LeasedTask; ending: Ending }) => item.task.accountId, (items) => store.settle(items)),
    onSlotFree: () => wake.now(),
  };

  const stop = new AbortController();
  const driven = new Set<Promise<void>>();
  const dispatchOptions: DispatchOptions = {
    concurrency: options.concurrency,
    leaseMs: options.leaseMs,
    idleMs: options.dispatchIntervalMs,
    drive(task) {
      if (stop.signal.aborted) return Promise.resolve();
      const work = drive(engine, task).finally(() => driven.delete(work));
      driven.add(work);
      return work;
    },
  };
  const voidDeadWorkers = async (): Promise<void> => {
    for (const dead of await options.deadWorkers()) {
      const leases = await store.voidLeases(dead.workerId);
      await dead.forget();
      logger.info({ worker: dead.workerId, leases }, 'a worker of this machine is dead: its leases are void');
    }
  };
  const renewing = new AbortController();
  const loops = [
    dispatch(engine, dispatchOptions, wake, stop.signal),
    takeOverLeases(engine, dispatchOptions, voidDeadWorkers, stop.signal),
    expireBatches(engine, stop.signal),
  ];
  const renewal = renewLeases(engine, dispatchOptions, renewing.signal);

  return {
    wake: () => wake.now(),
    get tasksInFlight() {
      return engine.inFlight.count;
    },
    async stop() {
      stop.abort(new Error('the worker is stopping'));
      await Promise.all(loops);
      // Waiting and polling end here; submissions in the air go on until their answers are recorded.
      engine.inFlight.abandonAll();
      await within(STOP_DEADLINE_MS, clock, () => Promise.all(driven));
      const writes = [engine.starts, engine.intents, engine.submitted, engine.unknowns, engine.requeues, engine.endings];
      for (const write of writes) await write.stop(STOP_DEADLINE_MS / writes.length);
      renewing.abort();
      await renewal;
      try {
        await store.voidLeases(options.workerId);
      } catch (error) {
        logger.warn({ err: error }, 'leases could not be given up; they run out by themselves');
      }
    },
  };
}

/** Waits for work to end, but no longer than `ms`. */
async function within(ms: number, clock: Clock, work: () => Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work(), clock.sleep(ms, timer.signal).catch(() => undefined)]);
  timer.abort();
}
