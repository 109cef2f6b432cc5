import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  batchOf,
  createBatch,
  ended,
  generationsByPrompt,
  missingVideos,
  openAccount,
  openWorkerWorld,
  prompts,
  taskRows,
  violations,
  type WorkerWorld,
} from '../../testing/worker/worker-world.ts';

const WAIT = { timeout: 10_000, interval: 10 };

let world: WorkerWorld;

beforeEach(async () => {
  world = await openWorkerWorld({ timeoutMs: 800 });
});
afterEach(() => world.close());

describe('a worker', () => {
  it('gives every directive its outcome, and the ledger the entry that belongs to it', async () => {
    const caller = await openAccount(world);
    const directives = [
      '',
      '[sim:fail]',
      '[sim:fail_once]',
      '[sim:moderate]',
      '[sim:moderate_output]',
      '[sim:timeout]',
      '[sim:delay=300ms]',
      '[sim:reject]',
      '[sim:drop]',
      '[sim:expire]',
    ];
    const batch = await createBatch(
      world,
      caller,
      directives.map((directive) => `a street ${directive}`),
    );
    await world.startWorker();

    const { status, credits } = await ended(world, batch);
    const rows = await taskRows(world, batch);
    expect(
      rows.map((row) => [directives[row.task_index], row.state, row.failure_type, row.resolution, row.attempt]),
    ).toEqual([
      ['', 'succeeded', null, 'charge', 1],
      ['[sim:fail]', 'failed', 'provider_error', 'refund', 3],
      ['[sim:fail_once]', 'succeeded', null, 'charge', 2],
      ['[sim:moderate]', 'failed', 'moderation_input', 'forfeit', 1],
      ['[sim:moderate_output]', 'failed', 'moderation_output', 'refund', 1],
      ['[sim:timeout]', 'failed', 'timeout', 'refund', 1],
      ['[sim:delay=300ms]', 'succeeded', null, 'charge', 1],
      ['[sim:reject]', 'failed', 'invalid_request', 'refund', 1],
      ['[sim:drop]', 'succeeded', null, 'charge', 2],
      ['[sim:expire]', 'failed', 'storage_error', 'refund', 1],
    ]);
    expect(status).toBe('partial');
    expect(credits).toMatchObject({ reserved: 490, held: 0, charged: 196, refunded: 245, forfeited: 49 });
    expect(await violations(world)).toEqual([]);
    expect(await missingVideos(world, batch)).toEqual([]);
  });

  it('bounds retries and keeps the reason of each failure', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10, '[sim:fail]'));
    await world.startWorker();
    expect((await ended(world, batch)).status).toBe('failed');
    const attempts = await world.db.query(
      `SELECT attempt, failure_type, possible_duplicate, count(*) AS tasks, count(upstream_id) AS named,
         count(*) FILTER (WHERE failure_detail LIKE '%error%') AS explained
       FROM task_attempts WHERE batch_id = $1 GROUP BY 1, 2, 3 ORDER BY 1`,
      [batch.batchUuid],
    );
    expect(attempts).toEqual([
      { attempt: 1, failure_type: 'provider_error', possible_duplicate: false, tasks: 10, named: 10, explained: 10 },
      { attempt: 2, failure_type: 'provider_error', possible_duplicate: false, tasks: 10, named: 10, explained: 10 },
    ]);
    expect([...(await generationsByPrompt(world)).values()]).toEqual(Array.from({ length: 10 }, () => 3));
    expect((await taskRows(world, batch)).every((row) => row.attempt === 3 && row.failures === 2)).toBe(true);
  });

  it('records a submission without an answer as a possible duplicate, and bills its task once', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10, '[sim:drop]'));
    await world.startWorker();
    expect(await ended(world, batch)).toMatchObject({ status: 'completed', credits: { charged: 490 } });
    const [attempts] = await world.db.query(
      'SELECT count(*) AS tasks, bool_and(possible_duplicate) AS all_possible, min(attempt) AS first FROM task_attempts WHERE batch_id = $1',
      [batch.batchUuid],
    );
    expect(attempts).toEqual({ tasks: 10, all_possible: true, first: 1 });
    expect(await violations(world)).toEqual([]);
  });

  it('lets what runs go on and ends what is queued when a batch is canceled', async () => {
    const caller = await openAccount(world);
    await world.db.query(`UPDATE accounts SET limits = limits || '{"max_concurrent_tasks": 4}' WHERE account_id = $1`, [
      caller.accountUuid,
    ]);
    const batch = await createBatch(world, caller, prompts(20, '[sim:delay=400ms]'));
    await world.startWorker();
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(4);
    await world.service.cancel(caller, batch.batchUuid, { preview: false });
    const { status, counts, credits } = await ended(world, batch);
    expect(status).toBe('canceled');
    expect(counts).toMatchObject({ succeeded: 4, canceled: 16 });
    expect(credits).toMatchObject({ charged: 4 * 49, refunded: 16 * 49, held: 0 });
    expect(await violations(world)).toEqual([]);
  });

  it('does not try a task again whose batch was canceled meanwhile', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10, '[sim:fail] [sim:delay=400ms]'));
    await world.startWorker();
    await expect.poll(async () => (await generationsByPrompt(world)).size, WAIT).toBe(10);
    await world.db.query("SELECT close_batch($1, $2, 'canceled')", [caller.accountUuid, batch.batchUuid]);
    expect(await ended(world, batch)).toMatchObject({ counts: { failed: 10 }, credits: { refunded: 490 } });
    expect([...(await generationsByPrompt(world)).values()]).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('sends nothing of a paused batch, and goes on with it when it is resumed', async () => {
    const caller = await openAccount(world);
    const paused = await createBatch(world, caller, prompts(10));
    await world.service.pause(caller, paused.batchUuid);
    const other = await createBatch(world, caller, prompts(10));
    await world.startWorker();
    await ended(world, other);
    expect((await generationsByPrompt(world)).size).toBe(10);
    await world.service.resume(caller, paused.batchUuid);
    expect((await ended(world, paused)).status).toBe('completed');
  });

  it('refunds what is still queued when the deadline passes, paused or not', async () => {
    const caller = await openAccount(world);
    const paused = await createBatch(world, caller, prompts(10));
    await world.service.pause(caller, paused.batchUuid);
    await world.admin.query("UPDATE batch_schedule SET deadline_at = rushes_now() - interval '1 s'");
    await world.admin.query("UPDATE batches SET deadline_at = rushes_now() - interval '1 s'");
    await world.startWorker();
    expect(await ended(world, paused)).toMatchObject({ status: 'failed', credits: { refunded: 490, held: 0 } });
    expect((await taskRows(world, paused)).every((row) => row.failure_type === 'timeout' && row.attempt === 0)).toBe(
      true,
    );
    expect(await violations(world)).toEqual([]);
  });

  it('loses nothing when it is stopped, and leaves leases that another takes over at once', async () => {
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(60));
    const first = await world.startWorker({ concurrency: 16, leaseMs: 60_000 });
    await expect.poll(async () => (await batchOf(world, batch)).counts.succeeded, WAIT).toBeGreaterThan(5);
    await first.stop();
    const [held] = await world.db.query('SELECT count(*) AS leases FROM task_leases WHERE lease_until > rushes_now()');
    expect(held).toEqual({ leases: 0 });
    expect(await violations(world)).toEqual([]);
    await world.startWorker();
    expect((await ended(world, batch)).status).toBe('completed');
    expect([...(await generationsByPrompt(world)).values()].every((times) => times === 1)).toBe(true);
    expect(await missingVideos(world, batch)).toEqual([]);
    expect(await violations(world)).toEqual([]);
  });
});
