/** Metrics in the text format of Prometheus. */
export { startMetricsServer, type MetricsServer } from './metrics-server.ts';
export { createMetricRegistry, type MetricRegistry } from './registry.ts';
