/** Who gets the slots that become free: claims by hand, each task over as soon as the test says so. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { systemClock, systemRandom } from '../../system/index.ts';
import { createTaskStore, type TaskStore } from '../store/task-store.ts';
import type { LeasedTask } from '../task.ts';
import {
  createBatch,
  openAccount,
  openWorkerWorld,
  prompts,
  type WorkerWorld,
} from '../../../testing/worker/worker-world.ts';

let world: WorkerWorld;
let store: TaskStore;
let route: string;
const workerId = systemRandom.uuid();

beforeEach(async () => {
  world = await openWorkerWorld();
  store = createTaskStore(world.db, systemClock);
  route = world.route().name;
});
afterEach(() => world.close());

async function accountWith(weight: number, tasks: number, batches = 1): Promise<AccountUuid> {
  const caller = await openAccount(world);
  await world.db.query(
    `UPDATE accounts SET limits = limits || jsonb_build_object('weight', $2::integer) WHERE account_id = $1`,
    [caller.accountUuid, weight],
  );
  for (let at = 0; at < batches; at += 1) await createBatch(world, caller, prompts(tasks));
  return caller.accountUuid;
}

async function claim(slots: number): Promise<LeasedTask[]> {
  return store.load(await store.claim(workerId, route, slots, 60_000));
}

/** Ends tasks, which frees their slots. */
async function end(tasks: readonly LeasedTask[]): Promise<void> {
  await store.beginAttempts(tasks);
  const outcome = { kind: 'failed', type: 'provider_error', detail: 'over' } as const;
  expect(new Set(await store.settle(tasks.map((task) => ({ task, outcome }))))).toEqual(new Set(['settled']));
}

/** The accounts served by `rounds` claims of as many slots, each claim's tasks over before the next. */
async function servedBy(rounds: number, slots: number): Promise<Map<string, number>> {
  const served = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    const tasks = await claim(slots);
    for (const { accountUuid } of tasks) served.set(accountUuid, (served.get(accountUuid) ?? 0) + 1);
    await end(tasks);
  }
  return served;
}

describe('a route with a single slot', () => {
  beforeEach(() => store.configureRoute(route, 1));

  it('serves accounts by their weights, and starves none', async () => {
    const heavy = await accountWith(8, 200);
    const light = await accountWith(1, 50);
    const served = await servedBy(90, 10);
    expect(served.get(light)).toBeGreaterThanOrEqual(9);
    expect(served.get(light)).toBeLessThanOrEqual(11);
    expect((served.get(heavy) ?? 0) + (served.get(light) ?? 0)).toBe(90);
  });

  it('serves accounts of equal weight in turn, however much older the work of one is', async () => {
    const accounts = [await accountWith(1, 100, 3), await accountWith(1, 20), await accountWith(1, 20)];
    const served = await servedBy(30, 10);
    expect(accounts.map((account) => served.get(account))).toEqual([10, 10, 10]);
  });

  it('owes nothing to an account for the time in which it wanted nothing', async () => {
    const early = await accountWith(1, 10);
    await servedBy(10, 1);
    const busy = await accountWith(1, 200);
    await servedBy(100, 1);
    const caller = { accountUuid: early };
    await createBatch(world, { ...(await openAccount(world)), ...caller }, prompts(50));
    const served = await servedBy(20, 1);
    expect(served.get(early)).toBeGreaterThanOrEqual(9);
    expect(served.get(early)).toBeLessThanOrEqual(11);
    expect(served.get(busy)).toBeGreaterThanOrEqual(9);
  });
});

describe('a route with 100 slots', () => {
  beforeEach(() => store.configureRoute(route, 100));

  it('serves a newcomer from the next free slot on, until it has its share', async () => {
    await accountWith(1, 1_000);
    const running = await claim(100);
    expect(running).toHaveLength(100);
    const newcomer = await accountWith(1, 100);
    await end(running.slice(0, 1));
    expect((await claim(100)).map(({ accountUuid }) => accountUuid)).toEqual([newcomer]);
    await end(running.slice(1, 50));
    const next = await claim(100);
    expect(next).toHaveLength(49);
    expect(next.filter(({ accountUuid }) => accountUuid === newcomer).length).toBeGreaterThanOrEqual(45);
  });

  it('shares its slots by weight between accounts that all have enough to do', async () => {
    const heavy = await accountWith(8, 1_000);
    const light = await accountWith(2, 1_000);
    const served = await servedBy(5, 100);
    expect((served.get(heavy) ?? 0) / 5).toBeGreaterThan(70);
    expect((served.get(light) ?? 0) / 5).toBeGreaterThan(10);
    expect((served.get(heavy) ?? 0) + (served.get(light) ?? 0)).toBe(500);
  });

  it('does not count as served what an account did not get, because its batch was locked at that moment', async () => {
    const kept = await accountWith(1, 1_000);
    const other = await accountWith(1, 1_000);
    for (let round = 0; round < 3; round += 1) {
      const tasks = await world.admin.transaction(async (tx) => {
        await tx.query('SELECT 1 FROM batch_schedule WHERE account_id = $1 FOR NO KEY UPDATE', [kept]);
        return claim(100);
      });
      expect(new Set(tasks.map(({ accountUuid }) => accountUuid))).toEqual(new Set([other]));
      await end(tasks);
    }
    // It is behind now, so most of the next slots are its own.
    const next = await claim(100);
    expect(next).toHaveLength(100);
    expect(next.filter(({ accountUuid }) => accountUuid === kept).length).toBeGreaterThan(60);
  });

  it('gives what one account cannot take to the others', async () => {
    const small = await accountWith(8, 10);
    const large = await accountWith(1, 500);
    const served = await servedBy(1, 100);
    expect(served.get(small)).toBe(10);
    expect(served.get(large)).toBe(90);
  });

  it('serves more accounts than it has slots, all within a few rounds', async () => {
    const accounts: AccountUuid[] = [];
    for (let at = 0; at < 30; at += 1) accounts.push(await accountWith(at % 3 === 0 ? 8 : 1, 40));
    await store.configureRoute(route, 10);
    const served = await servedBy(40, 10);
    for (const account of accounts) expect(served.get(account)).toBeGreaterThan(0);
  });
});

describe('many free slots', () => {
  it('are dealt in turns, so that small batches do not fall into leases of one task', async () => {
    await store.configureRoute(route, 10_000);
    for (let at = 0; at < 60; at += 1) await accountWith(1, 10);
    const leases = await store.claim(workerId, route, 300, 60_000);
    const tasks = await store.load(leases);
    expect(tasks).toHaveLength(300);
    expect(leases.length).toBeLessThanOrEqual(35);
  });
});
