/** The worker: claims tasks, takes each to its end, and settles what came of them. */
import type { Database } from '../db/index.ts';
import { NO_METRICS, type Clock, type HttpClient, type Logger, type Metrics, type Random } from '../ports.ts';
import { watchCallbacks } from './loops/callbacks.ts';
import { createEngine } from './create-engine.ts';
import { dispatch, Wake, type DispatchOptions } from './loops/dispatch.ts';
import { drive } from './steps/task-machine.ts';
import type { Route } from './engine.ts';
import type { MeasuredStorage } from './loops/free-space.ts';
import type { Tell } from './notices.ts';
import { expireBatches, renewLeases, takeOverLeases, watchUnservedRoutes } from './loops/sweep.ts';
import { createTaskStore } from './store/task-store.ts';
import { reportUnsettled } from './loops/waiting-settlements.ts';
import { showState } from './worker-metrics.ts';

export type { Route } from './engine.ts';
export type { WorkerNotice } from './notices.ts';
export { createTaskStore, type TaskStore } from './store/task-store.ts';

export interface WorkerOptions {
  readonly workerId: string;
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly http: HttpClient;
  readonly storage: MeasuredStorage;
  readonly metrics?: Metrics;
  readonly routes: readonly Route[];
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Longest pause between two looks for work. */
  readonly dispatchIntervalMs: number;
  /** Derives the name of one attempt that the upstream is given. */
  readonly tokenFor: (
    task: { accountId: string; batchId: string; index: number; route: string },
    attempt: number,
  ) => string;
  /** Worker ids of processes on this machine that are known to be dead, each reported until it was forgotten. */
  readonly deadWorkers: () => Promise<readonly { workerId: string; forget: () => Promise<void> }[]>;
  /** Takes what the operator must know; nobody does when absent. */
  readonly tell?: Tell;
}

export interface Worker {
  /** Looks for work now instead of at the next poll. */
  wake(): void;
  readonly tasksInFlight: number;
  /** Claims nothing more, lets calls in the air finish and be recorded, then gives its leases up. */
  stop(): Promise<void>;
}

/** A submission in the air gets this long to be answered and recorded before the process goes. */
const STOP_DEADLINE_MS = 20_000;
/** The leases of a worker that cannot even give them up run out by themselves. */
const GIVE_UP_DEADLINE_MS = 2_000;

/** Starts the loops of a worker. They end with `stop`. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { clock, logger, db, metrics = NO_METRICS } = options;
  const store = createTaskStore(db, clock);
  for (const route of options.routes) await store.configureRoute(route.name, route.maxConcurrentTasks);

  const wake = new Wake((ms, signal) => clock.sleep(ms, signal));
  const engine = createEngine(options, store, () => wake.now());
  showState(metrics, engine.routes, engine.inFlight);

  const stop = new AbortController();
  const dispatchOptions: DispatchOptions = {
    concurrency: options.concurrency,
    leaseMs: options.leaseMs,
    idleMs: options.dispatchIntervalMs,
    drive(task) {
      if (!stop.signal.aborted) void drive(engine, task);
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
    watchUnservedRoutes(engine, options.tell ?? (() => undefined), stop.signal),
    watchCallbacks(engine, stop.signal),
    reportUnsettled(engine, stop.signal),
  ];
  const renewal = renewLeases(engine, dispatchOptions, renewing.signal);

  return {
    wake: () => wake.now(),
    get tasksInFlight() {
      return engine.inFlight.count;
    },
    async stop() {
      stop.abort(new Error('the worker is stopping'));
      // A claim that is answered later is driven by nobody; its leases run out.
      await within(STOP_DEADLINE_MS, clock, () => Promise.all(loops));
      // Waiting and polling end here; submissions in the air go on until their answers are recorded.
      engine.inFlight.abandonAll();
      await within(STOP_DEADLINE_MS, clock, () => engine.inFlight.idle());
      const writes = [
        engine.starts,
        engine.intents,
        engine.submitted,
        engine.unknowns,
        engine.confirmations,
        engine.requeues,
        engine.endings,
      ];
      for (const write of writes) await write.stop(STOP_DEADLINE_MS / writes.length);
      renewing.abort();
      await within(GIVE_UP_DEADLINE_MS, clock, () => renewal);
      try {
        await within(GIVE_UP_DEADLINE_MS, clock, () => store.voidLeases(options.workerId));
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
