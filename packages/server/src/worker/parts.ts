import { createCallbackStore } from '../generations/index.ts';
import { NO_METRICS } from '../ports.ts';
import { openRoute, type RouteState } from './route/route.ts';
import { Slots } from './route/slots.ts';
import { createTaskMachine } from './steps/task-machine.ts';
import { UnknownOutcomes } from './steps/unknown-outcomes.ts';
import { createConfirmations } from './store/confirmations.ts';
import { createAfterSettlement } from './store/settlement.ts';
import type { TaskStore } from './store/task-store.ts';
import { TasksInFlight } from './store/tasks-in-flight.ts';
import { createWriters } from './store/writers.ts';
import type { LeasedTask } from './task.ts';
import { showState, workerMetrics } from './worker-metrics.ts';
import type { WorkerOptions } from './worker-options.ts';

const CONCURRENT_DOWNLOADS = 16;

/**
 * Everything that a worker is made of beside its loops. Each step and each loop declares which of these it needs. `onSlotFree` is
 * called when this worker is done with a task.
 */
export function openParts(options: WorkerOptions, store: TaskStore, onSlotFree: () => void) {
  const { clock, random, logger, storage, metrics = NO_METRICS, tell = tellNobody } = options;
  const inFlight = new TasksInFlight();
  const routes = openRoutes(options);
  showState(metrics, routes, inFlight);
  const counted = workerMetrics(metrics);
  const callbacks = createCallbackStore(options.db);
  const writers = createWriters({ store, clock, random, logger, metrics: counted, tell });
  const leave = (task: LeasedTask): void => {
    inFlight.remove(task);
    onSlotFree();
  };
  const parts = {
    ...writers,
    workerId: options.workerId,
    leaseMs: options.leaseMs,
    tokenFor: options.tokenFor,
    http: options.http,
    store,
    clock,
    random,
    logger,
    storage,
    tell,
    inFlight,
    routes,
    metrics: counted,
    callbacks,
    downloadSlots: new Slots(CONCURRENT_DOWNLOADS),
    unknownOutcomes: new UnknownOutcomes(clock),
    confirmations: createConfirmations({ callbacks, clock, logger }),
    leave,
    afterSettlement: createAfterSettlement({ logger, submissions: writers.submissions, storage, leave }),
  };
  return { ...parts, runTask: createTaskMachine(parts) };
}

export type WorkerParts = ReturnType<typeof openParts>;

function openRoutes({ clock, random, logger, metrics = NO_METRICS, routes }: WorkerOptions): Map<string, RouteState> {
  return new Map(routes.map((route) => [route.name, openRoute({ clock, random, logger, metrics }, route)]));
}

function tellNobody(): void {}
