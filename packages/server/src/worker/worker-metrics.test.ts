import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMetricRegistry } from '../metrics/index.ts';
import {
  createBatch,
  ended,
  openAccount,
  openWorkerWorld,
  type WorkerWorld,
} from '../../testing/worker/worker-world.ts';

let world: WorkerWorld;
beforeAll(async () => {
  world = await openWorkerWorld({ timeoutMs: 20_000 });
});
afterAll(() => world.close());

it('a worker counts what it claimed, what its upstream answered, how tasks ended and how soon they were refunded', async () => {
  const registry = createMetricRegistry();
  const account = await openAccount(world);
  const directives = ['[sim:fail]', '[sim:moderate_output]', ...Array.from({ length: 8 }, () => '')];
  const batch = await createBatch(
    world,
    account,
    directives.map((directive, at) => `scene ${at} ${directive}`),
  );
  await world.startWorker({ metrics: registry.metrics });
  await ended(world, batch);
  await expect
    .poll(() => registry.read(), { timeout: 5_000 })
    .toContain('rushes_tasks_in_flight{route="simulator"} 0\n');
  const text = await registry.read();
  const value = (series: string): number => {
    const found = text.split('\n').find((line) => line.startsWith(`${series} `));
    return found === undefined ? Number.NaN : Number(found.split(' ').at(-1));
  };
  expect(value('rushes_tasks_settled_total{route="simulator",outcome="succeeded"}')).toBe(8);
  expect(value('rushes_tasks_settled_total{route="simulator",outcome="provider_error"}')).toBe(1);
  expect(value('rushes_tasks_settled_total{route="simulator",outcome="moderation_output"}')).toBe(1);
  expect(value('rushes_refund_delay_seconds_count')).toBe(2);
  expect(value('rushes_refund_delay_seconds_bucket{le="60"}')).toBe(2);
  // Three tries of the one that always fails.
  expect(value('rushes_upstream_calls_total{route="simulator",call="submit",result="accepted"}')).toBe(12);
  expect(value('rushes_upstream_calls_total{route="simulator",call="poll",result="succeeded"}')).toBe(8);
  expect(value('rushes_claimed_leases_total{route="simulator"}')).toBeGreaterThan(0);
  expect(value('rushes_circuit_breaker_open{route="simulator"}')).toBe(0);
});
