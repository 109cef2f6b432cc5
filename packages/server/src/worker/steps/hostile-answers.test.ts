import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Upstream } from '../../upstreams/index.ts';
import { SubmittedIds } from '../route/submitted-ids.ts';
import {
  createBatch,
  ended,
  ledgerKinds,
  openAccount,
  openWorkerWorld,
  prompts,
  serviceOfRoute,
  taskRows,
  timesGenerated,
  violations,
  type WorkerWorld,
} from '../../../testing/worker/worker-world.ts';

let world: WorkerWorld;

beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

function lying(change: (honest: Upstream) => Partial<Upstream>) {
  const { upstream } = world.route();
  return world.route({ upstream: { ...upstream, ...change(upstream) } });
}

it('an upstream that does not know its own id at first is asked again: nothing is generated twice', async () => {
  const batch = await createBatch(world, await openAccount(world), prompts(10));
  const asked = new Map<string, number>();
  const route = lying((honest) => ({
    async poll(id, signal) {
      const times = (asked.get(id) ?? 0) + 1;
      asked.set(id, times);
      return times <= 2 ? { kind: 'gone', detail: 'no such task' } : honest.poll(id, signal);
    },
  }));
  await world.startWorker({ routes: [route] });
  expect((await ended(world, batch)).status).toBe('completed');
  expect(await timesGenerated(world)).toEqual(new Set([1]));
});

it('an id that an upstream keeps denying is given up, and the task tried again', async () => {
  const batch = await createBatch(world, await openAccount(world), prompts(10));
  const route = lying(() => ({ poll: () => Promise.resolve({ kind: 'gone', detail: 'no such task' }) }));
  await world.startWorker({ routes: [route] });
  expect(await ended(world, batch)).toMatchObject({ status: 'failed', credits: { refunded: 490 } });
  expect((await taskRows(world, batch)).every((row) => row.attempt === 3)).toBe(true);
});

it('one id for two submissions is charged once: nobody pays for the video of another task', async () => {
  const batch = await createBatch(world, await openAccount(world), prompts(10));
  let first: Promise<Awaited<ReturnType<Upstream['submit']>>> | null = null;
  const route = lying((honest) => ({ submit: (generation) => (first ??= honest.submit(generation)) }));
  await world.startWorker({ routes: [route] });
  expect(await ended(world, batch)).toMatchObject({ status: 'partial', credits: { charged: 49, refunded: 441 } });
  expect(await ledgerKinds(world, batch)).toEqual({ reserve: 1, charge: 1, refund: 9 });
  expect(await violations(world)).toEqual([]);
});

it('ids are remembered up to a number, the latest of them', () => {
  const ids = new SubmittedIds(2);
  expect(['a', 'b', 'a', 'c', 'a', 'c'].map((id) => ids.add(id))).toEqual([true, true, false, true, true, false]);
});

it('an upstream that wants rest for ever does not keep its tasks past their timeout', async () => {
  const service = serviceOfRoute(world, 'simulator', 1_000);
  const batch = await createBatch(world, await openAccount(world), prompts(40), { service });
  const route = lying(() => ({
    poll: () => Promise.resolve({ kind: 'unavailable', detail: '429', retryAfterMs: 3_600_000 }),
  }));
  await world.startWorker({ routes: [route] });
  expect(await ended(world, batch, 10_000)).toMatchObject({ status: 'failed', credits: { refunded: 1_960 } });
  expect((await taskRows(world, batch)).every((row) => row.failure_type === 'timeout')).toBe(true);
});

it.each([
  ['fails', (response: ServerResponse) => response.writeHead(500).end(), 1_000],
  ['has nothing', (response: ServerResponse) => response.writeHead(204).end(), 600_000],
  ['leads elsewhere', (response: ServerResponse) => response.writeHead(302, { location: '/' }).end(), 600_000],
] as const)(
  'a result whose server only ever %s does not keep its task for the hours its address lives',
  async (_how, answer, timeoutMs) => {
    const server: Server = createServer((_request, response) => void answer(response));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const service = serviceOfRoute(world, 'simulator', timeoutMs);
    const batch = await createBatch(world, await openAccount(world), prompts(10), { service });
    const videoUrl = `http://127.0.0.1:${port}/video.mp4`;
    await world.startWorker({
      routes: [lying(() => ({ poll: () => Promise.resolve({ kind: 'succeeded', videoUrl }) }))],
    });
    expect(await ended(world, batch)).toMatchObject({ status: 'failed', credits: { refunded: 490 } });
    expect((await taskRows(world, batch)).every((row) => row.failure_type === 'storage_error')).toBe(true);
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  },
);
