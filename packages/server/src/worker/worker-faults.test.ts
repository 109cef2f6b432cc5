import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  batchOf,
  createBatch,
  ended,
  generationsByPrompt,
  missingVideos,
  ledgerKinds,
  openAccount,
  openWorkerWorld,
  prompts,
  serviceOfRoute,
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

describe('an upstream in trouble', () => {
  it('does not keep the slots of a worker from another route', async () => {
    const [stuck, lucky] = await Promise.all([openAccount(world), openAccount(world)]);
    const service = serviceOfRoute(world, 'away');
    const { upstream } = world.route();
    let submissions = 0;
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const away = world.route({
      name: 'away',
      upstream: {
        ...upstream,
        async submit() {
          submissions += 1;
          // It refuses what comes at first, and is slow with the one that tries it out.
          if (submissions > 8) await answered;
          return { kind: 'refused', failure: { type: 'provider_unavailable', detail: 'away', retryAfterMs: 0 } };
        },
      },
    });
    const waiting = await createBatch(world, stuck, prompts(100), { service });
    await world.startWorker({ concurrency: 8, routes: [away, world.route()] });
    await expect.poll(() => submissions, WAIT).toBe(9);
    const batch = await createBatch(world, lucky, prompts(40));
    expect((await ended(world, batch)).status).toBe('completed');
    expect(submissions).toBe(9);
    answer();
    await world.service.cancel(stuck, waiting.batchUuid, { preview: false });
    expect(await ended(world, waiting)).toMatchObject({ credits: { charged: 0, held: 0 } });
  });

  it('gets none of the tasks that were claimed before it was known: they go back to the queue unsent', async () => {
    const caller = await openAccount(world);
    const { upstream } = world.route();
    let submissions = 0;
    const away = world.route({
      maxConcurrentTasks: 500,
      upstream: {
        ...upstream,
        submit() {
          submissions += 1;
          const failure = { type: 'provider_unavailable', detail: 'away', retryAfterMs: 60_000 } as const;
          return Promise.resolve({ kind: 'refused', failure });
        },
      },
    });
    await world.db.query(`UPDATE accounts SET limits = limits || '{"max_concurrent_tasks": 500}'`);
    // More than are in the air at once.
    const batch = await createBatch(world, caller, prompts(400));
    const worker = await world.startWorker({ concurrency: 400, routes: [away] });
    await expect.poll(() => submissions, WAIT).toBeGreaterThan(0);
    await expect.poll(() => worker.tasksInFlight, WAIT).toBe(0);
    expect(submissions).toBeLessThan(400);
    const rows = await taskRows(world, batch);
    expect(rows.every((row) => row.state === 'queued')).toBe(true);
    expect(rows.filter((row) => row.attempt === 1)).toHaveLength(submissions);
    const attempts = await world.db.query('SELECT 1 FROM task_attempts WHERE batch_id = $1', [batch.batchUuid]);
    expect(attempts).toHaveLength(submissions);
    expect(await world.db.query('SELECT 1 FROM task_leases')).toEqual([]);
    expect(await violations(world)).toEqual([]);
    await worker.stop();
    await world.startWorker();
    await world.admin.query('UPDATE task_retries SET due_at = rushes_now()');
    expect((await ended(world, batch)).status).toBe('completed');
  });

  it('is asked whether it took a submission when its adapter failed, not later than any other', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10));
    const { upstream } = world.route();
    let failures = 3;
    const brittle = world.route({
      upstream: {
        ...upstream,
        submit: (generation) =>
          failures-- > 0 ? Promise.reject(new TypeError('no object')) : upstream.submit(generation),
      },
    });
    // So long a lease that nothing is found and loaded again within this test.
    await world.startWorker({ routes: [brittle], leaseMs: 600_000 });
    expect((await ended(world, batch)).status).toBe('completed');
    const attempts = await world.db.query('SELECT 1 FROM task_attempts WHERE batch_id = $1 AND possible_duplicate', [
      batch.batchUuid,
    ]);
    expect(attempts).toHaveLength(3);
  });

  it('cannot keep a task past its timeout, even when its adapter fails at every poll', async () => {
    const caller = await openAccount(world);
    const service = serviceOfRoute(world, 'simulator', 500);
    const batch = await createBatch(world, caller, prompts(10), { service });
    const upstream = { ...world.route().upstream, poll: () => Promise.reject(new TypeError('no object')) };
    await world.startWorker({ routes: [world.route({ upstream })] });
    expect(await ended(world, batch)).toMatchObject({ status: 'failed', credits: { refunded: 490 } });
    expect((await taskRows(world, batch)).every((row) => row.failure_type === 'timeout')).toBe(true);
  });

  it('that serves an empty, short or wrong file as a video leaves no connection open and is not paid', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10));
    const bodies = [Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(32 * 1024 * 1024, '<html>sorry</html>')];
    let asked = 0;
    let open = 0;
    const server = createServer((_request, response) => {
      open += 1;
      response.on('close', () => (open -= 1));
      response.end(bodies[asked++ % bodies.length]);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { upstream } = world.route();
    const lying = world.route({
      upstream: {
        ...upstream,
        poll: () => Promise.resolve({ kind: 'succeeded', videoUrl: `http://127.0.0.1:${port}/video.mp4` }),
      },
    });
    await world.startWorker({ routes: [lying] });
    expect(await ended(world, batch)).toMatchObject({ status: 'failed', credits: { refunded: 490 } });
    expect((await taskRows(world, batch)).every((row) => row.failure_type === 'storage_error')).toBe(true);
    await expect.poll(() => open, WAIT).toBe(0);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a database in trouble', () => {
  it('that ends every connection under load loses nothing and repeats nothing that was paid', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(150, '[sim:delay=50ms]'));
    await world.startWorker({ concurrency: 20 });
    let kills = 0;
    await expect
      .poll(
        async () => {
          const [row] = await world.admin.query<{ status: string; done: number }>(
            'SELECT status, succeeded AS done FROM batches WHERE batch_id = $1',
            [batch.batchUuid],
          );
          if (row !== undefined && row.done >= kills * 30 && row.status !== 'completed') {
            kills += 1;
            await world.admin.query(
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND usename <> current_user`,
            );
          }
          return row?.status;
        },
        { timeout: 25_000, interval: 10 },
      )
      .toBe('completed');
    expect(kills).toBeGreaterThan(2);
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    expect(await ledgerKinds(world, batch)).toEqual({ reserve: 1, charge: 150 });
    expect(await violations(world)).toEqual([]);
  });

  it('with one account locked goes on with the others', async () => {
    const [locked, free] = await Promise.all([openAccount(world), openAccount(world)]);
    const first = await createBatch(world, locked, prompts(10, '[sim:delay=500ms]'));
    await world.startWorker();
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(10);
    const queued = await createBatch(world, locked, prompts(10));
    const holder = new Client({ connectionString: world.adminUrl });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM credit_accounts WHERE account_id = $1 FOR UPDATE', [locked.accountUuid]);
    const batches = [];
    for (let at = 0; at < 3; at += 1) {
      const batch = await createBatch(world, free, prompts(10));
      expect((await ended(world, batch, 10_000)).status).toBe('completed');
      batches.push(batch);
    }
    expect((await batchOf(world, first)).counts.succeeded).toBe(0);
    await holder.query('ROLLBACK');
    await holder.end();
    expect((await ended(world, first)).status).toBe('completed');
    expect((await ended(world, queued)).status).toBe('completed');
    expect(await violations(world)).toEqual([]);
  });

  it('that refuses the settlements of one account leaves the slots of a small route to the others', async () => {
    const [poisoned, free] = await Promise.all([openAccount(world), openAccount(world)]);
    const small = world.route({ maxConcurrentTasks: 10 });
    const kept = await createBatch(world, poisoned, prompts(20));
    await world.admin.query(
      `CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`,
    );
    await world.admin.query(
      `CREATE TRIGGER refuse_it BEFORE INSERT ON credit_ledger FOR EACH ROW
       WHEN (NEW.account_id = '${poisoned.accountUuid}') EXECUTE FUNCTION refuse_it()`,
    );
    const workers = await Promise.all([1, 2].map(() => world.startWorker({ concurrency: 10, routes: [small] })));
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBeGreaterThanOrEqual(10);
    const batch = await createBatch(world, free, prompts(30));
    expect((await ended(world, batch)).status).toBe('completed');
    const [busy] = await world.db.query<{ open: number }>(
      'SELECT coalesce(sum(open), 0) AS open FROM task_leases WHERE account_id = $1',
      [poisoned.accountUuid],
    );
    expect(busy?.open).toBeGreaterThanOrEqual(10);
    // Should this process die now, nobody has to guess what became of them.
    await expect
      .poll(async () => (await taskRows(world, kept)).filter(({ state }) => state === 'submitting').length, WAIT)
      .toBe(0);
    expect((await taskRows(world, kept)).some(({ state }) => state === 'running')).toBe(true);
    await world.admin.query('DROP TRIGGER refuse_it ON credit_ledger');
    expect((await ended(world, kept)).status).toBe('completed');
    expect(await violations(world)).toEqual([]);
    await expect.poll(async () => (await world.db.query('SELECT 1 FROM unsettled_tasks')).length, WAIT).toBe(0);
    await Promise.all(workers.map((worker) => worker.stop()));
  });

  it('that refuses one account refunds the others past their deadline', async () => {
    const [poisoned, free] = await Promise.all([openAccount(world), openAccount(world)]);
    const kept = await createBatch(world, poisoned, prompts(10));
    const batch = await createBatch(world, free, prompts(10));
    await world.admin.query(
      `CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`,
    );
    await world.admin.query(
      `CREATE TRIGGER refuse_it BEFORE INSERT ON credit_ledger FOR EACH ROW
       WHEN (NEW.account_id = '${poisoned.accountUuid}') EXECUTE FUNCTION refuse_it()`,
    );
    for (const table of ['batches', 'batch_schedule']) {
      await world.admin.query(
        `UPDATE ${table} SET deadline_at = rushes_now() - CASE account_id WHEN $1 THEN interval '2 s' ELSE interval '1 s' END`,
        [poisoned.accountUuid],
      );
    }
    await world.startWorker();
    expect(await ended(world, batch)).toMatchObject({ status: 'failed', credits: { refunded: 490 } });
    await world.admin.query('DROP TRIGGER refuse_it ON credit_ledger');
    expect(await ended(world, kept)).toMatchObject({ status: 'failed', credits: { refunded: 490 } });
  });
});

describe('a storage in trouble', () => {
  it('that is almost full gets no new work, and its videos when there is room again', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10));
    let looks = 0;
    let freeBytes = 1_000_000;
    const freeBytesAsked = (): Promise<number> => {
      looks += 1;
      return Promise.resolve(freeBytes);
    };
    const worker = await world.startWorker({ storage: { ...world.storage, freeBytes: freeBytesAsked } });
    await expect.poll(() => looks, WAIT).toBeGreaterThan(0);
    worker.wake();
    await expect.poll(() => looks, WAIT).toBeGreaterThan(1);
    expect((await generationsByPrompt(world)).size).toBe(0);
    freeBytes = 10 ** 12;
    worker.wake();
    expect((await ended(world, batch)).status).toBe('completed');
  });

  it('that refuses a write for a while is asked again; no video is generated twice for it', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10));
    let failures = 15;
    const storage: typeof world.storage = {
      ...world.storage,
      put(key, content, contentType, maxBytes) {
        if (failures-- <= 0) return world.storage.put(key, content, contentType, maxBytes);
        content.on('error', () => undefined).destroy();
        return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
      },
    };
    await world.startWorker({ storage });
    expect((await ended(world, batch)).status).toBe('completed');
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    expect(await missingVideos(world, batch)).toEqual([]);
  });
});
