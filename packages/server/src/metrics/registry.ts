import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricDescription, Metrics } from '../ports.ts';

/** A process's metrics, and how they are read. */
export interface MetricRegistry {
  readonly metrics: Metrics;
  readonly contentType: string;
  /** In the text format of Prometheus. */
  read(): Promise<string>;
}

/** What prom-client wants to be told, with lists of its own: it keeps and changes them. */
function configured<L extends string>(registry: Registry, { name, help, labels }: MetricDescription<L>) {
  return { name, help, labelNames: [...labels], registers: [registry] };
}

/** Metrics with those of Node itself: memory, event loop, garbage collection. */
export function createMetricRegistry(): MetricRegistry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const fills: (() => void | Promise<void>)[] = [];
  const made = new Map<string, unknown>();
  const once = <M>(name: string, make: () => M): M => {
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as M;
  };
  return {
    contentType: registry.contentType,
    async read() {
      await Promise.all(fills.map(async (fill) => fill()));
      return registry.metrics();
    },
    metrics: {
      counter: (description) =>
        once(description.name, () => {
          const counter = new Counter(configured(registry, description));
          return { add: (labels, amount = 1) => counter.inc({ ...labels }, amount) };
        }),
      gauge: (description) =>
        once(description.name, () => {
          const gauge = new Gauge(configured(registry, description));
          // Without labels prom-client shows 0 from the beginning and after each reset, which looks like a value.
          const clear = (): void => {
            gauge.reset();
            if (description.labels.length === 0) gauge.remove({});
          };
          clear();
          return { set: (labels, value) => gauge.set({ ...labels }, value), clear };
        }),
      histogram: (description, buckets) =>
        once(description.name, () => {
          const histogram = new Histogram({ ...configured(registry, description), buckets: [...buckets] });
          return { observe: (labels, value) => histogram.observe({ ...labels }, value) };
        }),
      beforeReading: (fill) => {
        fills.push(fill);
      },
    },
  };
}
