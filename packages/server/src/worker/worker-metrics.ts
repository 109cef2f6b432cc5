/** What the worker counts. Routes are configuration, failure types a closed list, so that labels stay few. */
import type { FailureType } from '@rushes/contract';
import type { Clock, Counter, Histogram, Metrics } from '../ports.ts';
import type { Upstream } from '../upstreams/index.ts';
import type { RouteState } from './engine.ts';
import type { TasksInFlight } from './store/tasks-in-flight.ts';

export interface WorkerMetrics {
  readonly claimedLeases: Counter<'route'>;
  /** `outcome`: succeeded or the type of the failure. */
  readonly settled: Counter<'route' | 'outcome'>;
  readonly possibleDuplicates: Counter<'route'>;
  readonly refundDelay: Histogram<never>;
}

/** Promised: visible within a second. */
const REFUND_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60];
const CALL_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function workerMetrics(metrics: Metrics): WorkerMetrics {
  return {
    claimedLeases: metrics.counter({
      name: 'rushes_claimed_leases_total',
      help: 'Leases on ranges of tasks that this worker claimed.',
      labels: ['route'],
    }),
    settled: metrics.counter({
      name: 'rushes_tasks_settled_total',
      help: 'Tasks whose end this worker committed, by outcome: succeeded or the type of the failure.',
      labels: ['route', 'outcome'],
    }),
    possibleDuplicates: metrics.counter({
      name: 'rushes_possible_duplicates_total',
      help: "Submissions sent again although the upstream may have taken the one before: at the operator's cost.",
      labels: ['route'],
    }),
    refundDelay: metrics.histogram(
      {
        name: 'rushes_refund_delay_seconds',
        help: 'From the moment the worker knew that a task had failed to the commit of its refund or forfeit.',
        labels: [],
      },
      REFUND_BUCKETS_S,
    ),
  };
}

/** Shows what this worker has in hand whenever somebody reads. */
export function showState(metrics: Metrics, routes: ReadonlyMap<string, RouteState>, inFlight: TasksInFlight): void {
  const tasks = metrics.gauge({
    name: 'rushes_tasks_in_flight',
    help: 'Tasks that this worker drives just now.',
    labels: ['route'],
  });
  const breakers = metrics.gauge({
    name: 'rushes_circuit_breaker_open',
    help: '1 while the route is kept closed because its upstream cannot take more or cannot be reached, else 0.',
    labels: ['route'],
  });
  metrics.beforeReading(() => {
    tasks.clear();
    const counts = inFlight.countByRoute();
    for (const [route, { breaker }] of routes) {
      tasks.set({ route }, counts.get(route) ?? 0);
      breakers.set({ route }, breaker.isOpen ? 1 : 0);
    }
  });
}

/** An upstream whose calls are counted and timed, by what they came to. */
export function measured(upstream: Upstream, route: string, metrics: Metrics, clock: Clock): Upstream {
  const description = { labels: ['route', 'call', 'result'] as const };
  const calls = metrics.counter({
    ...description,
    name: 'rushes_upstream_calls_total',
    help: 'Calls to upstreams by what they came to; a refused submission names the type of the failure.',
  });
  const seconds = metrics.histogram(
    { name: 'rushes_upstream_call_seconds', help: 'How long upstreams took to answer.', labels: ['route', 'call'] },
    CALL_BUCKETS_S,
  );
  const observe = (call: 'submit' | 'poll', startedMs: number, result: string): void => {
    calls.add({ route, call, result });
    seconds.observe({ route, call }, (clock.monotonicMs() - startedMs) / 1_000);
  };
  return {
    ...upstream,
    async submit(generation, signal) {
      const startedMs = clock.monotonicMs();
      const result = await upstream.submit(generation, signal);
      observe('submit', startedMs, result.kind === 'refused' ? result.failure.type : result.kind);
      return result;
    },
    async poll(upstreamId, signal) {
      const startedMs = clock.monotonicMs();
      const result = await upstream.poll(upstreamId, signal);
      observe('poll', startedMs, result.kind);
      return result;
    },
  };
}

/** The label of an end. */
export function outcomeOf(ending: { outcome: 'succeeded' } | { outcome: 'failed'; type: FailureType }): string {
  return ending.outcome === 'succeeded' ? 'succeeded' : ending.type;
}
