import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  create,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  type World,
} from '../../testing/batches/world.ts';
import { setUpstreamCost } from '../generations/index.ts';
import { reverseEntry } from '../ledger/index.ts';
import type { Period } from './index.ts';
import { Reconciler } from './reconcile.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

const HOUR_MS = 3_600_000;

/** Ten tasks: seven charged, one out of time, one refused by the upstream, one forfeited. */
async function accountWithBatch() {
  const caller = await openAccount(world, 1_000);
  const batchUuid = uuidOf(await create(world, caller, submission()));
  const tasks = await startTasks(world, 100);
  await world.admin.query('UPDATE tasks SET timeout_at = submitted_at WHERE account_id = $1 AND task_index = 0', [
    caller.accountUuid,
  ]);
  const endings = ['timeout', 'provider_error', 'moderation_input'] as const;
  await settle(
    world.db,
    caller.accountUuid,
    batchUuid,
    tasks.map((task) => ({ ...task, ending: endings[task.index] ?? 'succeeded' })),
  );
  await world.admin.query(
    `UPDATE tasks SET upstream_id = CASE WHEN task_index <> 1 THEN 'gen-' || task_index END WHERE account_id = $1`,
    [caller.accountUuid],
  );
  return { accountUuid: caller.accountUuid, batchUuid };
}

function period(): Period {
  return { from: new Date(Date.now() - HOUR_MS), to: new Date(Date.now() + HOUR_MS) };
}

it('charges stand beside generations and their cost, and every charge has one', async () => {
  await setUpstreamCost(world.db, {
    route: 'simulator',
    model: 'sora-2',
    microUsd: 80_000,
    failedMicroUsd: 1_000,
    validFrom: new Date(0),
  });
  const { accountUuid } = await accountWithBatch();
  const [charge] = await world.db.query<{ seq: number }>(
    "SELECT seq FROM credit_ledger WHERE account_id = $1 AND kind = 'charge' ORDER BY seq LIMIT 1",
    [accountUuid],
  );
  await reverseEntry(world.db, { accountUuid, seq: charge!.seq, amount: 9, reason: 'x', reference: 'x' });
  const reconciler = new Reconciler(world.db, period());
  expect(await reconciler.add(accountUuid)).toEqual([]);
  expect(reconciler.sums).toEqual({
    charges: 7,
    chargedCredits: 7 * 49,
    refunds: 2,
    refundedCredits: 2 * 49,
    forfeits: 1,
    forfeitedCredits: 49,
    reversals: 1,
    reversedCredits: 9,
    // The one that ran out of time.
    unchargedGenerations: 1,
    generations: { matched: 9, possible_duplicate: 0, late: 0 },
    failedGenerations: 1,
    unpricedGenerations: 0,
    costMicroUsd: 8 * 80_000 + 1_000,
    uselessMicroUsd: 0,
  });
});

it('a charge that no generation stands behind is found, in its period and no other', async () => {
  const { accountUuid } = await accountWithBatch();
  await world.admin.query('UPDATE tasks SET upstream_id = NULL WHERE account_id = $1 AND task_index = 5', [
    accountUuid,
  ]);
  const found = await new Reconciler(world.db, period()).add(accountUuid);
  expect(found).toEqual([
    {
      accountUuid,
      rule: 'charge_without_generation',
      detail: expect.stringMatching(
        /^entry \d+ charges task 5 of batch bat_\w+, but the task has no generation$/,
      ) as string,
    },
  ]);
  const { from } = period();
  const before = new Reconciler(world.db, { from: new Date(0), to: from });
  expect([await before.add(accountUuid), before.sums.charges]).toEqual([[], 0]);
});
