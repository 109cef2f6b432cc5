/** What the worker counts. Routes are configuration, failure types a closed list, so that labels stay few. */
import type { Counter, Histogram, Metrics } from '../ports.ts';

export interface WorkerMetrics {
  readonly claimedLeases: Counter<'route'>;
  /** `outcome`: succeeded or the type of the failure. */
  readonly settled: Counter<'route' | 'outcome'>;
  readonly possibleDuplicates: Counter<'route'>;
  readonly refundDelay: Histogram<never>;
}

/** Promised: visible within a second. */
const REFUND_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60];

export function workerMetrics(metrics: Metrics): WorkerMetrics {
  return {
    claimedLeases: metrics.counter({
      name: 'rushes_claimed_leases_total',
      help: 'Leases on ranges of tasks that this worker claimed.',
      labels: ['route'],
    }),
    settled: metrics.counter({
      name: 'rushes_tasks_settled_total',
      help: 'Tasks that this worker settled, by outcome: succeeded or the type of the failure.',
      labels: ['route', 'outcome'],
    }),
    possibleDuplicates: metrics.counter({
      name: 'rushes_possible_duplicates_total',
      help: "Submissions that were sent again although the upstream may have accepted the first one, at the operator's cost.",
      labels: ['route'],
    }),
    refundDelay: metrics.histogram(
      {
        name: 'rushes_refund_delay_seconds',
        help: 'Time from the failure of a task, as known to the worker, to the commit of its refund or forfeit.',
        labels: [],
      },
      REFUND_BUCKETS_S,
    ),
  };
}

/** Shows what this worker has in hand whenever somebody reads. */
export function showState(
  metrics: Metrics,
  routes: ReadonlyMap<string, { readonly breaker: { readonly isOpen: boolean } }>,
  inFlight: { countByRoute(): ReadonlyMap<string, number> },
): void {
  const tasks = metrics.gauge({
    name: 'rushes_tasks_in_flight',
    help: 'Tasks that this worker is working on just now.',
    labels: ['route'],
  });
  const breakers = metrics.gauge({
    name: 'rushes_circuit_breaker_open',
    help: '1 while the route is closed because its upstream is at its limit or cannot be reached, else 0.',
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
