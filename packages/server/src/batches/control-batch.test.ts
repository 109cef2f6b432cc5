import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../ledger/index.ts';
import {
  create,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  violations,
  type World,
} from '../../testing/batches/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});
afterEach(async () => {
  // Nothing of one test is left for the next one to claim.
  await world.db.query(`SELECT close_batch(account_id, batch_id, 'canceled') FROM batch_schedule`);
});

/** A batch of ten of which the first `running` are at the upstream. */
async function runningBatch(running: number, terms: Parameters<typeof openAccount>[2] = {}) {
  const caller = await openAccount(world, 490, terms);
  const batchUuid = uuidOf(await create(world, caller, submission()));
  const tasks = running === 0 ? [] : await startTasks(world, running);
  expect(tasks.map((task) => task.batchUuid)).toEqual(Array<string>(running).fill(batchUuid));
  const finish = (ending: 'succeeded' | 'provider_error', list = tasks): Promise<string[]> =>
    settle(
      world.db,
      caller.accountUuid,
      batchUuid,
      list.map((task) => ({ ...task, ending })),
    );
  const cancel = (preview = false) => world.service.cancel(caller, batchUuid, { preview });
  return { caller, batchUuid, tasks, finish, cancel };
}

describe('canceling', () => {
  it('refunds what was not sent, lets what runs end by its outcome, and says so beforehand', async () => {
    const { caller, batchUuid, cancel, finish } = await runningBatch(4);
    expect(await cancel(true)).toMatchObject({
      ok: true,
      value: { refunded: 294, still_running: 4, batch: { canceling: false } },
    });
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 0, reserved: 490 });
    expect(await cancel()).toMatchObject({
      ok: true,
      value: {
        refunded: 294,
        still_running: 4,
        batch: { status: 'queued', canceling: true, counts: { queued: 0, processing: 4, canceled: 6 } },
      },
    });
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 294, reserved: 196 });
    await finish('succeeded');
    expect(await world.service.get(caller, batchUuid)).toMatchObject({
      status: 'canceled',
      canceling: false,
      credits: { held: 0, charged: 196, refunded: 294 },
      failure_summary: { canceled: 6 },
    });
    expect(await violations(world)).toEqual([]);
  });

  it('says the same when asked again, before and after the batch has ended', async () => {
    const { cancel, finish } = await runningBatch(4);
    await cancel();
    expect(await cancel()).toMatchObject({ ok: true, value: { refunded: 294, still_running: 4 } });
    await finish('succeeded');
    expect(await cancel()).toMatchObject({
      ok: true,
      value: { refunded: 294, still_running: 0, batch: { status: 'canceled' } },
    });
    expect(await cancel(true)).toMatchObject({ ok: true, value: { refunded: 294, still_running: 0 } });
  });

  it('a batch whose tasks all run refunds nothing, and the batch ends by their outcome', async () => {
    const { caller, batchUuid, cancel, finish } = await runningBatch(10);
    expect(await cancel()).toMatchObject({
      ok: true,
      value: { refunded: 0, still_running: 10, batch: { canceling: true } },
    });
    await finish('succeeded');
    expect(await world.service.get(caller, batchUuid)).toMatchObject({ status: 'completed', canceling: false });
    expect(await cancel()).toMatchObject({ ok: true, value: { refunded: 0, still_running: 0 } });
  });

  it('a final batch is refused with its status, in a preview too', async () => {
    const { cancel, finish } = await runningBatch(10);
    await finish('provider_error');
    for (const preview of [false, true]) {
      const outcome = await cancel(preview);
      expect(outcome).toMatchObject({ ok: false, refusal: { code: 'state_conflict' } });
      expect(!outcome.ok && outcome.refusal.detail).toContain('is failed');
    }
  });

  it('forfeits what was queued where the terms of the account say so', async () => {
    const { caller, cancel } = await runningBatch(0, { canceled: 'forfeit' });
    expect(await cancel(true)).toMatchObject({ ok: true, value: { refunded: 0 } });
    expect(await cancel()).toMatchObject({
      ok: true,
      value: { refunded: 0, batch: { status: 'canceled', credits: { forfeited: 490 } } },
    });
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 0, spent: 490 });
  });

  it("another account's batch is not found", async () => {
    const { batchUuid } = await runningBatch(0);
    const stranger = await openAccount(world, 0);
    for (const outcome of [
      await world.service.cancel(stranger, batchUuid, { preview: false }),
      await world.service.pause(stranger, batchUuid),
      await world.service.resume(stranger, batchUuid),
      await world.service.tasks(stranger, batchUuid, {}, { limit: 1, cursor: null }),
    ]) {
      expect(outcome).toMatchObject({ ok: false, refusal: { code: 'not_found' } });
    }
    expect(await world.service.get(stranger, batchUuid)).toBeNull();
    expect(await world.service.task(stranger, batchUuid, 0)).toBeNull();
    expect(await world.service.results(stranger, batchUuid, {})).toBeNull();
  });
});

describe('pausing', () => {
  it('keeps the rest from being claimed until it is resumed, and repeats its answer', async () => {
    const { caller, batchUuid, cancel } = await runningBatch(2);
    for (let time = 0; time < 2; time += 1) {
      expect(await world.service.pause(caller, batchUuid)).toMatchObject({ ok: true, value: { paused: true } });
    }
    expect((await startTasks(world, 1_000)).filter((task) => task.batchUuid === batchUuid)).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      expect(await world.service.resume(caller, batchUuid)).toMatchObject({ ok: true, value: { paused: false } });
    }
    expect((await startTasks(world, 3)).filter((task) => task.batchUuid === batchUuid)).toHaveLength(3);
    await cancel();
    expect(await world.service.pause(caller, batchUuid)).toMatchObject({
      ok: false,
      refusal: { code: 'state_conflict' },
    });
  });

  it('a final batch is refused', async () => {
    const { caller, batchUuid, cancel } = await runningBatch(0);
    await cancel();
    for (const outcome of [
      await world.service.pause(caller, batchUuid),
      await world.service.resume(caller, batchUuid),
    ]) {
      expect(outcome).toMatchObject({ ok: false, refusal: { code: 'state_conflict' } });
    }
  });
});
