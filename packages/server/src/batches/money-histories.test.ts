import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { credits, issueCredits, revokeCredits } from '../ledger/index.ts';
import {
  create,
  grant,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  violations,
  type World,
} from '../../testing/batches/world.ts';

/** Histories of docs/ledger-operations.md that have no better place. */
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

it('a cancel, the last completion and both sweeps race: every task has one end, the batch one, the hold nothing left', async () => {
  for (let round = 0; round < 8; round += 1) {
    const caller = await openAccount(world, 490);
    const batchUuid = uuidOf(await create(world, caller, submission()));
    // Nine run; the last is still queued, for the cancel and the sweep of the deadline.
    const tasks = await startTasks(world, 9);
    const { accountUuid } = caller;
    await settle(
      world.db,
      accountUuid,
      batchUuid,
      tasks.slice(1).map((task) => ({ ...task, ending: 'succeeded' })),
    );
    await world.admin.query(
      'UPDATE tasks SET timeout_at = rushes_now() WHERE account_id = $1 AND batch_id = $2 AND task_index = $3',
      [accountUuid, batchUuid, tasks[0]!.index],
    );
    const racers = [
      () => world.service.cancel(caller, batchUuid, { preview: false }),
      () => settle(world.db, accountUuid, batchUuid, [{ ...tasks[0]!, ending: 'succeeded' }]),
      () => settle(world.db, accountUuid, batchUuid, [{ ...tasks[0]!, ending: 'timeout' }]),
      () => world.db.query(`SELECT close_batch($1, $2, 'expired')`, [accountUuid, batchUuid]),
      () => world.db.query('SELECT finalize_batch_credits($1, $2)', [accountUuid, batchUuid]),
    ];
    const turned = [...racers.slice(round % racers.length), ...racers.slice(0, round % racers.length)];
    await Promise.all(turned.map((race) => race()));
    const batch = await world.service.get(caller, batchUuid);
    expect(batch).toMatchObject({ counts: { queued: 0, processing: 0 }, credits: { held: 0 } });
    expect(batch?.finished_at).not.toBeNull();
    const ends = await world.db.query<{ n: number }>(
      `SELECT count(*) AS n FROM events WHERE account_id = $1 AND type IN ('batch.completed', 'batch.partial', 'batch.failed', 'batch.canceled')`,
      [accountUuid],
    );
    expect(ends).toEqual([{ n: 1 }]);
  }
  expect(await violations(world)).toEqual([]);
});

it('10,000 tasks at the highest price are charged and refunded to the last credit', async () => {
  const caller = await openAccount(world, 5_990_000);
  const batchUuid = uuidOf(await create(world, caller, submission({ model: 'veo-pro' }, 10_000)));
  const tasks = await startTasks(world, 10_000);
  for (let at = 0; at < tasks.length; at += 2_000) {
    const part = tasks.slice(at, at + 2_000);
    const endings = part.map((task) => ({
      ...task,
      ending: task.index % 2 === 0 ? ('succeeded' as const) : ('provider_error' as const),
    }));
    await settle(world.db, caller.accountUuid, batchUuid, endings);
  }
  expect(await credits(world.db, caller.accountUuid)).toMatchObject({
    available: 2_995_000,
    reserved: 0,
    spent: 2_995_000,
  });
}, 120_000);

it('a deadlock of two movements over two accounts ends with both made once', async () => {
  const accounts = [(await openAccount(world, 10)).accountUuid, (await openAccount(world, 10)).accountUuid];
  let met = 0;
  const both = async (order: readonly AccountUuid[]): Promise<number> => {
    let tries = 0;
    await world.db.transaction(async (tx) => {
      tries += 1;
      for (const [at, accountUuid] of order.entries()) {
        await issueCredits(tx, { accountUuid, kind: 'grant', amount: 5, reason: 'r', reference: order.join() });
        if (at > 0) continue;
        met += 1;
        // Each has its first account and wants the other's.
        await vi.waitFor(() => expect(met).toBeGreaterThanOrEqual(2));
      }
    });
    return tries;
  };
  const tries = await Promise.all([both(accounts), both(accounts.toReversed())]);
  expect(tries.reduce((sum, one) => sum + one, 0)).toBe(3);
  for (const accountUuid of accounts) expect((await credits(world.db, accountUuid)).available).toBe(20);
  expect(await violations(world)).toEqual([]);
});

it('a lock that is not given in time moves nothing, and the same request moves it afterwards', async () => {
  const caller = await openAccount(world, 490);
  const request = submission({ request_id: randomUUID() });
  const settled = await (async () => {
    const batchUuid = uuidOf(await create(world, caller, request));
    return { batchUuid, tasks: await startTasks(world, 10) };
  })();
  const before = await credits(world.db, caller.accountUuid);
  await world.admin.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM credit_accounts WHERE account_id = $1 FOR UPDATE', [caller.accountUuid]);
    // The call's own lock_timeout; the helper of this folder asks again, so the function is called as it is.
    await expect(
      world.db.transaction(async (other) => {
        await other.query("SET LOCAL lock_timeout = '50ms'");
        await revokeCredits(other, { accountUuid: caller.accountUuid, amount: 1, reason: 'r', reference: 'locked' });
      }),
    ).rejects.toMatchObject({ code: '55P03' });
  });
  expect(await credits(world.db, caller.accountUuid)).toEqual(before);
  const endings = settled.tasks.map((task) => ({ ...task, ending: 'succeeded' as const }));
  await settle(world.db, caller.accountUuid, settled.batchUuid, endings);
  expect((await credits(world.db, caller.accountUuid)).spent).toBe(490);
});

it('movements that want more connections than there are wait for one, and each is made once', async () => {
  const { accountUuid } = await openAccount(world, 0);
  // Four times the pool; half of them ask twice.
  await Promise.all(
    Array.from({ length: 80 }, (_, at) =>
      issueCredits(world.db, { accountUuid, kind: 'grant', amount: 1, reason: 'r', reference: `r-${at % 40}` }),
    ),
  );
  expect((await credits(world.db, accountUuid)).available).toBe(40);
  await grant(world, accountUuid, 1);
  expect(await violations(world)).toEqual([]);
});
