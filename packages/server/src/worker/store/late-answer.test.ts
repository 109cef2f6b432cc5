/** An upstream's answer that comes when somebody else has decided about its task: what it generated is kept all the same. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../system/index.ts';
import { createTaskStore, type TaskStore } from './task-store.ts';
import type { LeasedTask } from '../task.ts';
import {
  createBatch,
  openAccount,
  openWorkerWorld,
  prompts,
  taskRows,
  type TestBatch,
  type WorkerWorld,
} from '../../../testing/worker/worker-world.ts';

let world: WorkerWorld;
let store: TaskStore;
let batch: TestBatch;

beforeEach(async () => {
  world = await openWorkerWorld();
  store = createTaskStore(world.db, systemClock);
  await store.configureRoute(world.route().name, 100);
  batch = await createBatch(world, await openAccount(world), prompts(10));
});
afterEach(() => world.close());

/** Tasks that were sent without an answer, and the same tasks under the worker that took them over. */
async function sentAndTakenOver(): Promise<{ readonly sent: LeasedTask[]; readonly taken: LeasedTask[] }> {
  const [first, second] = [systemRandom.uuid(), systemRandom.uuid()];
  const tasks = await store.load(await store.claim(first, world.route().name, 10, 60_000));
  expect(new Set(await store.beginAttempts(tasks))).toEqual(new Set([true]));
  await store.voidLeases(first);
  const taken = await store.load(await store.takeOver(second, 60_000, 100, [world.route().name]));
  expect(taken.map(({ state }) => state)).toEqual(tasks.map(() => 'unknown'));
  return { sent: tasks.map((task) => ({ ...task, state: 'submitting', attempt: task.attempt + 1 })), taken };
}

async function answerComes(sent: readonly LeasedTask[]): Promise<void> {
  const submissions = sent.map((task) => ({ task, upstreamId: `id-${String(task.index)}` }));
  expect(new Set(await store.recordSubmissions(submissions))).toEqual(new Set([false]));
}

it('the id is kept with a task that is in quarantine', async () => {
  const { sent } = await sentAndTakenOver();
  await answerComes(sent);
  const rows = await taskRows(world, batch);
  expect(rows.map((row) => row.upstream_id)).toEqual(rows.map((row) => `id-${String(row.task_index)}`));
});

it('the id is kept with a task that ended in quarantine', async () => {
  const { sent, taken } = await sentAndTakenOver();
  const outcome = { kind: 'failed', type: 'provider_error', detail: 'never answered' } as const;
  expect(new Set(await store.settle(taken.map((task) => ({ task, outcome }))))).toEqual(new Set(['settled']));
  await answerComes(sent);
  const rows = await taskRows(world, batch);
  expect(rows.map((row) => row.upstream_id)).toEqual(rows.map((row) => `id-${String(row.task_index)}`));
});

it('the id is kept with an attempt that was given up', async () => {
  const { sent, taken } = await sentAndTakenOver();
  const failure = { type: 'provider_error', detail: 'never answered', counted: true, possibleDuplicate: true } as const;
  await store.requeue(taken.map((task) => ({ task, failure, delayMs: 0 })));
  await answerComes(sent);
  const rows = await world.db.query<{ task_index: number; upstream_id: string }>(
    'SELECT task_index, upstream_id FROM task_attempts WHERE batch_id = $1 ORDER BY task_index',
    [batch.batchUuid],
  );
  expect(rows.map((row) => row.upstream_id)).toEqual(sent.map((task) => `id-${String(task.index)}`));
});

it('an id that another found first stays', async () => {
  const { sent, taken } = await sentAndTakenOver();
  const outcome = { kind: 'failed', type: 'timeout', detail: 'too late' } as const;
  await world.admin.query('UPDATE tasks SET timeout_at = submitted_at WHERE batch_id = $1', [batch.batchUuid]);
  await store.settle(taken.map((task) => ({ task: { ...task, upstreamId: 'found' }, outcome })));
  await answerComes(sent);
  expect(new Set((await taskRows(world, batch)).map((row) => row.upstream_id))).toEqual(new Set(['found']));
});
