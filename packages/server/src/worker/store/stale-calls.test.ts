import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { systemClock, systemRandom } from '../../system/index.ts';
import { createTaskStore, type TaskStore } from './task-store.ts';
import type { LeasedTask, LeaseKey } from '../task.ts';
import {
  createBatch,
  openAccount,
  openWorkerWorld,
  prompts,
  type WorkerWorld,
} from '../../../testing/worker/worker-world.ts';

let world: WorkerWorld;
beforeAll(async () => {
  world = await openWorkerWorld();
});
afterAll(() => world.close());

const LEASE_MS = 60_000;
const failure = { type: 'provider_error', detail: 'simulated', counted: true, possibleDuplicate: true } as const;

const STALE_CALLS: readonly (readonly [
  string,
  (store: TaskStore, task: LeasedTask) => Promise<readonly unknown[]>,
  unknown,
])[] = [
  ['an intent', (store, task) => store.beginAttempts([{ ...task, attempt: 0 }]), false],
  ['an id', (store, task) => store.recordSubmissions([{ task, upstreamId: 'stale' }]), false],
  ['an unknown outcome', (store, task) => store.markUnknown([{ task, detail: 'stale' }]), false],
  ['a failed attempt', (store, task) => store.requeue([{ task, failure, delayMs: 0 }]), 'lost'],
  [
    'an outcome',
    (store, task) => store.settle([{ task, outcome: { kind: 'failed', type: 'provider_error', detail: 'stale' } }]),
    'lost',
  ],
];

it.each(STALE_CALLS)(
  '%s of a worker that lost its task says so, and leaves the submission of the one that has it now alone',
  async (_, call, refusal) => {
    const store = createTaskStore(world.db, systemClock);
    const caller = await openAccount(world);
    const batch = await createBatch(world, caller, prompts(10, 'stale calls'));
    const [before, now] = [systemRandom.uuid(), systemRandom.uuid()];
    const route = world.route();
    await store.configureRoute(route.name, 100);
    /** Tasks of earlier cases may come along. */
    const ours = async (leases: readonly LeaseKey[]): Promise<LeasedTask | undefined> =>
      (await store.load(leases)).find(({ accountUuid, index }) => accountUuid === caller.accountUuid && index === 0);
    const claim = async (workerId: string): Promise<LeasedTask | undefined> =>
      ours(await store.claim(workerId, route.name, 100, LEASE_MS));

    const first = (await claim(before))!;
    await store.startBatches([first]);
    expect(await store.beginAttempts([first])).toEqual([true]);
    const stale: LeasedTask = { ...first, state: 'submitting', attempt: 1 };
    await store.voidLeases(before);
    const taken = (await ours(await store.takeOver(now, LEASE_MS, 100, [route.name])))!;
    expect(taken).toMatchObject({ state: 'unknown', attempt: 1 });
    expect(await store.requeue([{ task: taken, failure, delayMs: 0 }])).toEqual(['requeued']);
    const second = await vi.waitUntil(() => claim(now));
    expect(second.attempt).toBe(1);
    expect(await store.beginAttempts([second])).toEqual([true]);

    const row = () =>
      world.db.query('SELECT * FROM tasks WHERE account_id = $1 AND batch_id = $2 AND task_index = $3', [
        caller.accountUuid,
        batch.batchUuid,
        first.index,
      ]);
    const submitting = await row();
    expect(submitting).toMatchObject([{ state: 'submitting', attempt: 2, fence: second.fence }]);
    expect(await call(store, stale)).toEqual([refusal]);
    expect(await row()).toEqual(submitting);
    await store.voidLeases(now);
  },
);
