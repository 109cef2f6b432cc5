import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Route } from './index.ts';
import {
  batchOf,
  createBatch,
  ended,
  generationsByPrompt,
  ledgerKinds,
  missingVideos,
  openAccount,
  openWorkerWorld,
  prompts,
  serviceOfRoute,
  stoppable,
  taskRows,
  timesGenerated,
  violations,
  type WorkerWorld,
} from '../../testing/worker/worker-world.ts';

const WAIT = { timeout: 15_000, interval: 10 };

let world: WorkerWorld;

beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

describe('several workers on one database', () => {
  it('execute each task once', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(200));
    const workers = await Promise.all([1, 2].map(() => world.startWorker({ concurrency: 16 })));
    const busy = [false, false];
    await expect
      .poll(async () => {
        workers.forEach((worker, at) => (busy[at] ||= worker.tasksInFlight > 0));
        return (await batchOf(world, batch)).status;
      }, WAIT)
      .toBe('completed');
    expect(busy).toEqual([true, true]);
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    expect(await ledgerKinds(world, batch)).toEqual({ reserve: 1, charge: 200 });
    expect(await violations(world)).toEqual([]);
  });

  it('go on without one that was stopped past its lease; when it continues, it changes nothing', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(20, '[sim:delay=300ms]'));
    const { db, stop, goOn } = stoppable(world.openDatabase());
    const stopped = await world.startWorker({ db, leaseMs: 1_000 });
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(20);
    await expect
      .poll(async () => (await taskRows(world, batch)).every((row) => row.state !== 'submitting'), WAIT)
      .toBe(true);
    stop();
    await world.startWorker({ leaseMs: 1_000 });
    expect((await ended(world, batch)).status).toBe('completed');
    const before = await taskRows(world, batch);
    goOn();
    await expect.poll(() => stopped.tasksInFlight, WAIT).toBe(0);
    await stopped.stop();
    expect(await taskRows(world, batch)).toEqual(before);
    expect(await ledgerKinds(world, batch)).toEqual({ reserve: 1, charge: 20 });
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    expect(await missingVideos(world, batch)).toEqual([]);
    expect(await violations(world)).toEqual([]);
  });

  it('use the answer to a submission that came after its lease was lost, instead of paying again', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10));
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const { upstream } = world.route();
    const slow = world.route({
      upstream: {
        ...upstream,
        async submit(generation) {
          const result = await upstream.submit(generation);
          await answered;
          return result;
        },
      },
    });
    const { db, stop, goOn } = stoppable(world.openDatabase());
    await world.startWorker({ db, leaseMs: 1_000, routes: [slow] });
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(10);
    stop();
    await world.startWorker({ leaseMs: 1_000, routes: [world.route({ unknownWaitMs: 1_500 })] });
    await expect
      .poll(async () => (await taskRows(world, batch)).every((row) => row.state === 'unknown'), WAIT)
      .toBe(true);
    answer();
    goOn();
    expect((await ended(world, batch)).status).toBe('completed');
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    expect(await violations(world)).toEqual([]);
  });

  it('leave a lease to the one that serves its route', async () => {
    const caller = await openAccount(world);
    const service = serviceOfRoute(world, 'other');
    const batch = await createBatch(world, caller, prompts(10, '[sim:delay=1s]'), { service });
    const other = world.route({ name: 'other' });
    const first = await world.startWorker({ routes: [other] });
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(10);
    await first.stop();
    await world.startWorker({ leaseMs: 300 });
    const simple = await createBatch(world, caller, prompts(10, '[sim:delay=500ms]'));
    expect((await ended(world, simple)).status).toBe('completed');
    expect((await batchOf(world, batch)).counts.succeeded).toBe(0);
    await world.startWorker({ routes: [other, world.route()] });
    expect((await ended(world, batch)).status).toBe('completed');
    expect(await timesGenerated(world)).toEqual(new Set([1]));
  });

  it('refund what runs on a route that nobody serves any more when its timeout has passed, and keep the rest queued', async () => {
    const caller = await openAccount(world);
    await world.db.query(`UPDATE accounts SET limits = limits || '{"max_concurrent_tasks": 4}' WHERE account_id = $1`, [
      caller.accountUuid,
    ]);
    const service = serviceOfRoute(world, 'other', 1_500);
    const batch = await createBatch(world, caller, prompts(10, '[sim:delay=1m]'), { service });
    const first = await world.startWorker({ routes: [world.route({ name: 'other' })] });
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(4);
    await first.stop();
    await world.startWorker({ leaseMs: 300 });
    await expect
      .poll(async () => (await batchOf(world, batch)).credits, WAIT)
      .toMatchObject({ refunded: 4 * 49, held: 6 * 49 });
    const rows = await taskRows(world, batch);
    expect(rows.filter((row) => row.failure_type === 'timeout')).toHaveLength(4);
    expect(rows.filter((row) => row.state === 'queued')).toHaveLength(6);
    expect(await violations(world)).toEqual([]);
    await world.service.cancel(caller, batch.batchUuid, { preview: false });
    expect(await batchOf(world, batch)).toMatchObject({ status: 'canceled', credits: { held: 0 } });
  });
});

describe('limits', () => {
  it('per route, per account and per worker are never exceeded', async () => {
    const callers = await Promise.all([1, 2, 3].map(() => openAccount(world)));
    // Less than its fair share of the route, so that nothing else keeps it within its limit.
    await world.db.query(`UPDATE accounts SET limits = limits || '{"max_concurrent_tasks": 2}' WHERE account_id = $1`, [
      callers[0]?.accountUuid ?? '',
    ]);
    const batches = await Promise.all(callers.map((caller) => createBatch(world, caller, prompts(40))));
    const worst = { route: 0, account: 0, worker: 0, generating: 0 };
    let generating = 0;
    const { upstream } = world.route();
    const counted: Route = world.route({
      maxConcurrentTasks: 12,
      upstream: {
        ...upstream,
        async submit(generation) {
          generating += 1;
          worst.generating = Math.max(worst.generating, generating);
          return upstream.submit(generation);
        },
        async poll(id, signal) {
          const result = await upstream.poll(id, signal);
          // Counted out early rather than late: a slot is free only when its task was settled, which comes after this.
          if (result.kind === 'succeeded') generating -= 1;
          return result;
        },
      },
    });
    const workers = await Promise.all([1, 2].map(() => world.startWorker({ concurrency: 8, routes: [counted] })));
    let done = false;
    const watch = (async () => {
      while (!done) {
        const [row] = await world.db.query<{ route: number; account: number; worker: number }>(
          `SELECT coalesce(sum(open), 0) AS route,
             coalesce(sum(open) FILTER (WHERE account_id = $1), 0) AS account,
             coalesce((SELECT max(n) FROM (SELECT sum(open) AS n FROM task_leases GROUP BY worker_id) w), 0) AS worker
           FROM task_leases`,
          [callers[0]?.accountUuid ?? ''],
        );
        worst.route = Math.max(worst.route, row?.route ?? 0);
        worst.account = Math.max(worst.account, row?.account ?? 0);
        worst.worker = Math.max(worst.worker, row?.worker ?? 0, ...workers.map((worker) => worker.tasksInFlight));
      }
    })();
    for (const batch of batches) expect((await ended(world, batch)).status).toBe('completed');
    done = true;
    await watch;
    expect(worst.route).toBeLessThanOrEqual(12);
    expect(worst.account).toBe(2);
    expect(worst.worker).toBeLessThanOrEqual(8);
    expect(worst.generating).toBeLessThanOrEqual(12);
    // It was busy enough to tell.
    expect(worst.route).toBeGreaterThan(8);
  });

  it('let a small batch start from the next free slot on, beside 10,000 tasks of another account', async () => {
    const [large, small] = await Promise.all([openAccount(world), openAccount(world)]);
    await createBatch(world, large, prompts(10_000));
    await world.startWorker({ concurrency: 20 });
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBeGreaterThan(20);
    const batch = await createBatch(world, small, prompts(10, 'small'));
    expect((await ended(world, batch)).status).toBe('completed');
    const [row] = await world.db.query<{ others: number }>(
      `SELECT count(*) AS others FROM tasks t, batches b
       WHERE b.batch_id = $2 AND t.account_id = $1 AND t.submitted_at BETWEEN b.created_at
         AND (SELECT max(submitted_at) FROM tasks WHERE batch_id = $2)`,
      [large.accountUuid, batch.batchUuid],
    );
    // Its ten were sent while the other account got no more than a few times the free slots.
    expect(row?.others).toBeLessThan(100);
  });

  it('leave each route its share of the free slots of a worker', async () => {
    const [hungry, modest] = await Promise.all([openAccount(world), openAccount(world)]);
    await createBatch(world, hungry, prompts(20, '[sim:timeout]'));
    const batch = await createBatch(world, modest, prompts(10), { service: serviceOfRoute(world, 'other') });
    await world.startWorker({ concurrency: 8, routes: [world.route(), world.route({ name: 'other' })] });
    await expect.poll(async () => (await batchOf(world, batch)).counts.succeeded, WAIT).toBeGreaterThanOrEqual(4);
  });

  it('of one route do not keep the free slots of a worker from another', async () => {
    const [hungry, modest] = await Promise.all([openAccount(world), openAccount(world)]);
    const service = serviceOfRoute(world, 'other');
    await createBatch(world, hungry, prompts(100, '[sim:delay=20ms]'));
    const batch = await createBatch(world, modest, prompts(10), { service });
    await world.startWorker({ concurrency: 1, routes: [world.route(), world.route({ name: 'other' })] });
    expect((await ended(world, batch)).status).toBe('completed');
    expect((await generationsByPrompt(world)).size).toBeLessThan(30);
  });
});
