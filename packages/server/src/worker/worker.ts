import type { Clock } from '../ports.ts';
import { watchCallbacks } from './loops/callbacks.ts';
import { startDispatch } from './loops/dispatch.ts';
import { startExpiry } from './loops/expire-batches.ts';
import { startRenewal, startTakeOver } from './loops/leases.ts';
import type { Loop } from '../loop/index.ts';
import { watchUnservedRoutes } from './loops/unserved-routes.ts';
import { reportWaitingSettlements } from './loops/waiting-settlements.ts';
import { openParts, type WorkerParts } from './parts.ts';
import { createTaskStore, type TaskStore } from './store/task-store.ts';
import type { LeasedTask } from './task.ts';
import type { WorkerOptions } from './worker-options.ts';

/** A process's worker, at work. */
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
  const { db, clock, concurrency, leaseMs, dispatchIntervalMs } = options;
  const store = createTaskStore(db, clock);
  for (const route of options.routes) await store.configureRoute(route.name, route.maxConcurrentTasks);

  const parts = openParts(options, store, () => dispatch.wake());
  let isStopping = false;
  const begin = (task: LeasedTask): void => {
    // What is claimed by a call that is answered later is left alone; its leases run out.
    if (!isStopping) void parts.runTask(task);
  };
  const deps = { ...parts, begin };
  const dispatch = startDispatch(deps, { concurrency, leaseMs, idleMs: dispatchIntervalMs });
  const loops = [
    dispatch,
    startTakeOver({ ...deps, voidDeadWorkers: () => voidDeadWorkers(options, store) }),
    startExpiry(parts),
    watchUnservedRoutes(parts),
    watchCallbacks(parts),
    reportWaitingSettlements(parts),
  ];
  const renewal = startRenewal(deps);

  return {
    wake: () => dispatch.wake(),
    get tasksInFlight() {
      return parts.inFlight.count;
    },
    stop() {
      isStopping = true;
      return stop(parts, loops, renewal);
    },
  };
}

async function voidDeadWorkers({ deadWorkers, logger }: WorkerOptions, store: TaskStore): Promise<void> {
  for (const dead of await deadWorkers()) {
    const leases = await store.voidLeases(dead.workerId);
    await dead.forget();
    logger.info({ worker: dead.workerId, leases }, 'a worker process of this machine has died: its leases are ended');
  }
}

async function stop(parts: WorkerParts, loops: readonly Loop[], renewal: Loop): Promise<void> {
  const { clock, inFlight, starts, intents, submissions, unknowns, confirmations, requeues, settlements } = parts;
  await within(STOP_DEADLINE_MS, clock, () => Promise.all(loops.map((loop) => loop.stop())));
  // Waiting and polling end here; submissions in the air go on until their answers are recorded.
  inFlight.abandonAll();
  await within(STOP_DEADLINE_MS, clock, () => inFlight.idle());
  const writes = [starts, intents, submissions, unknowns, confirmations, requeues, settlements];
  for (const write of writes) await write.stop(STOP_DEADLINE_MS / writes.length);
  await within(GIVE_UP_DEADLINE_MS, clock, () => renewal.stop());
  await giveUpLeases(parts);
}

async function giveUpLeases({ clock, store, workerId, logger }: WorkerParts): Promise<void> {
  try {
    await within(GIVE_UP_DEADLINE_MS, clock, () => store.voidLeases(workerId));
  } catch (error) {
    logger.warn({ err: error }, 'leases could not be released; they expire by themselves');
  }
}

/** Waits for work to end, but no longer than `ms`. */
async function within(ms: number, clock: Clock, work: () => Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work(), clock.sleep(ms, timer.signal).catch(() => undefined)]);
  timer.abort();
}
