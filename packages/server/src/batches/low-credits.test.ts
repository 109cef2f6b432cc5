/** The event credits.low, over every way in which available credits fall. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchUuid } from '@rushes/contract';
import { changeSettings } from '../accounts/index.ts';
import { credits, issueCredits, revokeCredits, reverseEntry } from '../ledger/index.ts';
import { listEvents } from '../webhooks/index.ts';
import type { BatchCaller } from './account-check.ts';
import {
  create,
  grant,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  type World,
} from '../../testing/batches/world.ts';
import { testUuid } from '../../testing/test-uuid.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** An account whose threshold is `threshold`. Ten videos of sora-2 cost 490. */
async function accountWith(available: number, threshold: number | null): Promise<BatchCaller> {
  const caller = await openAccount(world, available);
  await changeSettings(world.db, caller.accountUuid, { low_credits_threshold: threshold });
  return caller;
}

/** What credits.low said, oldest first; fails when the account's events have a hole. */
async function announced({ accountUuid }: BatchCaller): Promise<Record<string, unknown>[]> {
  const page = await listEvents(world.db, accountUuid, { after: 0, limit: 200 });
  if (!page.ok) throw new Error(page.refusal.detail);
  expect(page.value.data.map(({ seq }) => seq)).toEqual(page.value.data.map((_, at) => at + 1));
  return page.value.data.filter(({ type }) => type === 'credits.low').map(({ data }) => data);
}

const revoke = ({ accountUuid }: BatchCaller, amount: number) =>
  revokeCredits(world.db, { accountUuid, amount, reason: 'charged back', reference: randomUUID() });
const purchase = ({ accountUuid }: BatchCaller, amount: number) =>
  issueCredits(world.db, { accountUuid, kind: 'purchase', amount, reason: 'paid', reference: randomUUID() });

async function runAndFail(caller: BatchCaller, batchUuid: BatchUuid): Promise<void> {
  const tasks = (await startTasks(world, 100_000)).filter((task) => task.batchUuid === batchUuid);
  await settle(
    world.db,
    caller.accountUuid,
    batchUuid,
    tasks.map((task) => ({ ...task, ending: 'provider_error' })),
  );
}

describe('credits.low', () => {
  it('is announced by the reservation that takes available credits below the threshold, and by no later one', async () => {
    const caller = await accountWith(1_960, 1_000);
    await create(world, caller, submission());
    expect(await announced(caller)).toEqual([]);
    await create(world, caller, submission());
    expect(await announced(caller)).toEqual([{ available: 980, threshold: 1_000 }]);
    await create(world, caller, submission());
    expect(await announced(caller)).toHaveLength(1);
  });

  it('is not announced when exactly the threshold is left', async () => {
    const caller = await accountWith(980, 490);
    await create(world, caller, submission());
    expect(await announced(caller)).toEqual([]);
    await create(world, caller, submission());
    expect(await announced(caller)).toEqual([{ available: 0, threshold: 490 }]);
  });

  it('is announced again after refunds brought the credits back to the threshold', async () => {
    const caller = await accountWith(1_000, 1_000);
    for (let round = 1; round <= 2; round += 1) {
      const batch = await create(world, caller, submission());
      expect(await announced(caller)).toHaveLength(round);
      await runAndFail(caller, uuidOf(batch));
      expect((await credits(world.db, caller.accountUuid)).available).toBe(1_000);
    }
  });

  it('is announced again after a top-up, and not by one that stays below', async () => {
    const caller = await accountWith(1_000, 1_000);
    await create(world, caller, submission());
    await grant(world, caller.accountUuid, 489);
    await create(world, caller, submission());
    expect(await announced(caller)).toHaveLength(1);
    await grant(world, caller.accountUuid, 1_000);
    await create(world, caller, submission());
    expect(await announced(caller)).toHaveLength(1);
    await create(world, caller, submission());
    expect(await announced(caller)).toEqual([
      { available: 510, threshold: 1_000 },
      { available: 529, threshold: 1_000 },
    ]);
  });

  it('is announced by a revocation, once when it leaves a debt and is repeated', async () => {
    const caller = await accountWith(1_000, 500);
    expect(await revoke(caller, 400)).toBe('revoked');
    expect(await announced(caller)).toEqual([]);
    const again = { accountUuid: caller.accountUuid, amount: 900, reason: 'charged back', reference: 'cb' };
    await revokeCredits(world.db, again);
    await revokeCredits(world.db, again);
    expect(await announced(caller)).toEqual([{ available: 0, threshold: 500 }]);
  });

  it('is announced when the debt takes more than a purchase brought, and not when the purchase only passes by', async () => {
    const caller = await accountWith(1_000, 400);
    const batch = await create(world, caller, submission());
    await revoke(caller, 2_000);
    expect(await announced(caller)).toEqual([{ available: 0, threshold: 400 }]);
    // 0 -> 450 -> 0 in one transaction: nobody could see the 450.
    await purchase(caller, 450);
    expect(await announced(caller)).toHaveLength(1);
    await runAndFail(caller, uuidOf(batch));
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 490, debt: 1_040 });
    await purchase(caller, 1);
    expect((await credits(world.db, caller.accountUuid)).available).toBe(0);
    expect(await announced(caller)).toHaveLength(2);
  });

  it('is not announced by a reversal, which only raises credits', async () => {
    const caller = await accountWith(490, 300);
    const batchUuid = uuidOf(await create(world, caller, submission()));
    const tasks = (await startTasks(world, 100_000)).filter((task) => task.batchUuid === batchUuid);
    await settle(
      world.db,
      caller.accountUuid,
      batchUuid,
      tasks.map((task) => ({ ...task, ending: 'succeeded' })),
    );
    expect(await announced(caller)).toHaveLength(1);
    const { accountUuid } = caller;
    await reverseEntry(world.db, { accountUuid, seq: 3, amount: null, reason: 'dispute', reference: 'd' });
    expect((await credits(world.db, accountUuid)).available).toBe(49);
    expect(await announced(caller)).toHaveLength(1);
  });

  it('is announced once by 20 reservations at the same moment', async () => {
    const caller = await accountWith(20 * 490, 10 * 490);
    await Promise.all(Array.from({ length: 20 }, () => create(world, caller, submission())));
    expect(await announced(caller)).toEqual([{ available: 9 * 490, threshold: 10 * 490 }]);
  });

  it('is not announced by a refused batch, nor by the replay of one', async () => {
    const caller = await accountWith(500, 500);
    await world.service.create(caller, submission({}, 20));
    expect(await announced(caller)).toEqual([]);
    const request = submission();
    await create(world, caller, request);
    await create(world, caller, request);
    expect(await announced(caller)).toHaveLength(1);
  });

  it('is not announced without a threshold, nor by setting one above what is there', async () => {
    const caller = await accountWith(1_000, null);
    await create(world, caller, submission());
    await changeSettings(world.db, caller.accountUuid, { low_credits_threshold: 5_000 });
    await create(world, caller, submission());
    expect(await announced(caller)).toEqual([]);
  });

  it('is not announced to an account that set no threshold, down to its last credit', async () => {
    const caller = await openAccount(world, 490);
    await create(world, caller, submission());
    expect((await credits(world.db, caller.accountUuid)).available).toBe(0);
    expect(await announced(caller)).toEqual([]);
  });

  it('takes no threshold that no credits could fall below, and none of an account that does not exist', async () => {
    const { accountUuid } = await openAccount(world, 0);
    await expect(changeSettings(world.db, accountUuid, { low_credits_threshold: 0 })).rejects.toThrow(
      'low_credits_threshold',
    );
    await expect(changeSettings(world.db, testUuid(), { low_credits_threshold: 5 })).rejects.toThrow(
      'there is no account',
    );
  });
});
