import type { Clock, Logger, Metrics, Random } from '../../ports.ts';
import type { Upstream } from '../../upstreams/index.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { CompletionTimes } from './completion-times.ts';
import { measured } from './measured-upstream.ts';
import { PollQueue } from './poll-queue.ts';
import type { RetryLimits } from './retry-policy.ts';
import { Slots } from './slots.ts';
import { SubmittedIds } from './submitted-ids.ts';

/** Submissions in the air at once per route: each holds a socket and memory for its prompt. */
const CONCURRENT_SUBMISSIONS = 256;

/** What is configured about the use of one upstream. */
interface RouteSettings {
  readonly name: string;
  /** Of all workers together. */
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

/** One upstream as this worker uses it. */
export interface Route extends RouteSettings {
  readonly upstream: Upstream;
}

/** A route at work: its settings, and what this worker has learned of it and under way there. */
export interface RouteState {
  readonly settings: RouteSettings;
  /** Each call to it is counted and timed. */
  readonly upstream: Upstream;
  readonly breaker: CircuitBreaker;
  readonly submissionSlots: Slots;
  readonly ids: SubmittedIds;
  readonly polls: PollQueue;
  readonly completions: CompletionTimes;
}

interface OpenRouteDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Begins to use a route, with nothing known of it yet. */
export function openRoute({ clock, random, logger, metrics }: OpenRouteDeps, route: Route): RouteState {
  const upstream = measured(route.upstream, route.name, metrics, clock);
  return {
    settings: route,
    upstream,
    breaker: new CircuitBreaker(clock, random),
    submissionSlots: new Slots(CONCURRENT_SUBMISSIONS),
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
