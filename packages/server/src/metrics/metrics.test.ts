import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import { createMetricRegistry, startMetricsServer } from './index.ts';
import type { MetricsServer } from './metrics-server.ts';

const servers: MetricsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe('a registry', () => {
  it('gives one metric to all who ask for it by its name, and waits for what is filled in before reading', async () => {
    const { metrics, read } = createMetricRegistry();
    const description = { name: 'rushes_test_total', help: 'A test.', labels: ['way'] as const };
    metrics.counter(description).add({ way: 'a' });
    metrics.counter(description).add({ way: 'a' }, 2);
    const gauge = metrics.gauge({ name: 'rushes_test_left', help: 'A test.', labels: [] });
    metrics.beforeReading(async () => {
      await Promise.resolve();
      gauge.set({}, 7);
    });
    const text = await read();
    expect(text).toContain('rushes_test_total{way="a"} 3\n');
    expect(text).toContain('rushes_test_left 7\n');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('does not show what is not known any more', async () => {
    const { metrics, read } = createMetricRegistry();
    const gauge = metrics.gauge({ name: 'rushes_test_left', help: 'A test.', labels: [] });
    gauge.set({}, 7);
    gauge.clear();
    expect(await read()).not.toMatch(/^rushes_test_left 7/m);
  });
});

describe('the listener for metrics', () => {
  it('answers GET /metrics and nothing else', async () => {
    const registry = createMetricRegistry();
    const logged: Record<string, unknown>[] = [];
    const logger = { ...silentLogger, info: (fields: object) => void logged.push({ ...fields }) };
    servers.push(await startMetricsServer({ host: '127.0.0.1', port: 0, registry, logger }));
    const url = `http://127.0.0.1:${String(logged[0]?.['port'])}`;
    const answer = await fetch(`${url}/metrics?x=1`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, registry.contentType]);
    expect(await answer.text()).toContain('nodejs_eventloop_lag_seconds');
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${url}/v1/batches`)).status).toBe(404);
  });

  it('rejects when its port is taken', async () => {
    const registry = createMetricRegistry();
    const ports: number[] = [];
    const logger = { ...silentLogger, info: (fields: object) => void ports.push((fields as { port: number }).port) };
    servers.push(await startMetricsServer({ host: '127.0.0.1', port: 0, registry, logger }));
    await expect(startMetricsServer({ host: '127.0.0.1', port: ports[0]!, registry, logger })).rejects.toThrow(
      'EADDRINUSE',
    );
  });
});
