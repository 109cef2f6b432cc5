/** Metrics in the text format of Prometheus. */
export { startMetricsServer } from './metrics-server.ts';
export { createMetricRegistry, type MetricRegistry } from './registry.ts';
