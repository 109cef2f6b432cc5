import type { CallbackStore, ConfirmAnswer, Confirmation } from '../generations/index.ts';
import type { Clock, HttpClient, Logger, Random } from '../ports.ts';
import type { Upstream } from '../upstreams/index.ts';
import type { CircuitBreaker } from './route/circuit-breaker.ts';
import type { Clarity } from './steps/unknown-outcomes.ts';
import type { AnswerTaker, Coalescer } from './store/coalescer.ts';
import type { CompletionTimes } from './route/completion-times.ts';
import type { Ended } from './store/settlement.ts';
import type { MeasuredStorage } from './loops/free-space.ts';
import type { PollQueue } from './route/poll-queue.ts';
import type { RetryLimits } from './route/retry-policy.ts';
import type { Slots } from './route/slots.ts';
import type { SubmittedIds } from './route/submitted-ids.ts';
import type { SettleAnswer, TaskStore } from './store/task-store.ts';
import type { TasksInFlight } from './store/tasks-in-flight.ts';
import type { TaskKey } from './task.ts';
import type { WorkerMetrics } from './worker-metrics.ts';
import type { Writers } from './store/writers.ts';

/** One upstream as this worker uses it. */
export interface Route {
  readonly name: string;
  readonly upstream: Upstream;
  readonly maxConcurrentTasks: number;
  /** Our model's name at this upstream; null when it does not serve it. */
  upstreamModel(model: string): string | null;
  /** Shortest and longest pause between two questions about one task. */
  readonly pollIntervalMs: readonly [number, number];
  readonly retry: RetryLimits;
  /** How long a submission without a clear answer waits before it is sent again at the operator's cost. */
  readonly unknownWaitMs: number;
  /** Questions that this worker may ask in a second; no limit when absent. */
  readonly pollRequestsPerSecond?: number;
  /** Where this upstream may call back about the submission with a token; nowhere when absent. */
  readonly callbackUrl?: (token: string) => string;
}

export interface RouteState {
  readonly route: Route;
  readonly breaker: CircuitBreaker;
  readonly submissions: Slots;
  readonly ids: SubmittedIds;
  readonly polls: PollQueue;
  readonly completions: CompletionTimes;
}

/** What the steps of a task share. */
export interface Engine extends Writers {
  readonly workerId: string;
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly http: HttpClient;
  readonly storage: MeasuredStorage;
  readonly routes: ReadonlyMap<string, RouteState>;
  readonly inFlight: TasksInFlight;
  readonly downloads: Slots;
  readonly metrics: WorkerMetrics;
  readonly callbacks: CallbackStore;
  /** Tasks in quarantine that wait to hear of their submission. */
  readonly clarity: Clarity;
  readonly confirmations: Coalescer<Confirmation, ConfirmAnswer>;
  /** Names one attempt to the upstream: unguessable, the same whenever it is derived. */
  tokenFor(task: TaskKey & { readonly route: string }, attempt: number): string;
  /** What becomes of an outcome that was handed to `endings`. */
  readonly afterEnd: AnswerTaker<Ended, SettleAnswer>;
  /** Called when a slot became free. */
  onSlotFree(): void;
}
