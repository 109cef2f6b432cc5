import { createCallbackStore } from '../generations/index.ts';
import { NO_METRICS } from '../ports.ts';
import { CircuitBreaker } from './route/circuit-breaker.ts';
import { Clarity, createConfirmations } from './steps/unknown-outcomes.ts';
import { CompletionTimes } from './route/completion-times.ts';
import { afterEnd } from './store/settlement.ts';
import type { Engine, Route, RouteState } from './engine.ts';
import type { WorkerOptions } from './index.ts';
import { PollQueue } from './route/poll-queue.ts';
import { Slots } from './route/slots.ts';
import { SubmittedIds } from './route/submitted-ids.ts';
import type { TaskStore } from './store/task-store.ts';
import { TasksInFlight } from './store/tasks-in-flight.ts';
import { measured, workerMetrics } from './worker-metrics.ts';
import { createWriters } from './store/writers.ts';

/** Submissions in the air at once per route: each holds a socket and memory for its prompt. */
const CONCURRENT_SUBMISSIONS = 256;
const CONCURRENT_DOWNLOADS = 16;

/** Everything that the steps of a task share, from what a worker was started with. */
export function createEngine(options: WorkerOptions, store: TaskStore, onSlotFree: () => void): Engine {
  const { clock, random, logger, metrics = NO_METRICS } = options;
  const callbacks = createCallbackStore(options.db);
  const counted = workerMetrics(metrics);
  const engine: Engine = {
    workerId: options.workerId,
    store,
    clock,
    random,
    logger,
    http: options.http,
    storage: options.storage,
    inFlight: new TasksInFlight(),
    downloads: new Slots(CONCURRENT_DOWNLOADS),
    metrics: counted,
    callbacks,
    clarity: new Clarity(clock),
    confirmations: createConfirmations(callbacks, clock, (error) =>
      logger.warn({ err: error }, 'confirming submissions waits for the database'),
    ),
    tokenFor: options.tokenFor,
    routes: new Map(options.routes.map((route) => [route.name, openRoute(options, route)])),
    ...createWriters({ store, clock, random, logger, metrics: counted, tell: options.tell ?? (() => undefined) }),
    afterEnd: afterEnd(() => engine),
    onSlotFree,
  };
  return engine;
}

function openRoute({ clock, random, logger, metrics = NO_METRICS }: WorkerOptions, route: Route): RouteState {
  const upstream = measured(route.upstream, route.name, metrics, clock);
  return {
    route: { ...route, upstream },
    breaker: new CircuitBreaker(clock, random),
    submissions: new Slots(CONCURRENT_SUBMISSIONS),
    ids: new SubmittedIds(),
    polls: new PollQueue({
      upstream,
      route: route.name,
      clock,
      logger,
      requestsPerSecond: route.pollRequestsPerSecond ?? Infinity,
    }),
    completions: new CompletionTimes(),
  };
}
