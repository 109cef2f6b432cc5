/** One settlement that carries the tasks of several claims, batches and accounts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import type { BatchUuid } from '@rushes/contract';
import {
  create,
  openAccount,
  openWorld,
  ROUTE,
  submission,
  uuidOf,
  violations,
  type World,
} from '../../../testing/batches/world.ts';
import { systemClock } from '../../system/index.ts';
import type { Outcome } from '../outcome.ts';
import { createTaskStore, type TaskStore } from './task-store.ts';
import type { LeasedTask } from '../task.ts';

let world: World;
let store: TaskStore;
beforeAll(async () => {
  world = await openWorld();
  store = createTaskStore(world.db, systemClock);
});
afterAll(() => world.close());

/** Begins all that waits, in claims of seven: every batch of ten is under two of them or more. */
async function beginAll(): Promise<LeasedTask[]> {
  const begun: LeasedTask[] = [];
  for (;;) {
    const tasks = await store.load(await store.claim(randomUUID(), ROUTE, 7, 60_000));
    if (tasks.length === 0) return begun;
    expect(await store.beginAttempts(tasks)).toEqual(tasks.map(() => true));
    for (const task of tasks) begun.push({ ...task, attempt: 1, upstreamId: `${task.batchUuid}/${task.index}` });
  }
}

/** Every third fails, each at its own cost; a success is known by its size. */
function outcomeOf({ index }: LeasedTask): Outcome {
  if (index % 3 === 2) {
    return { kind: 'failed', type: index % 2 === 0 ? 'provider_error' : 'moderation_input', detail: `of ${index}` };
  }
  const video = {
    key: `key-${index}`,
    bytes: 1_000 + index,
    sha256: new Uint8Array(32).fill(index),
    contentType: 'a/b',
  };
  return { kind: 'succeeded', video };
}

it('each answer and result goes to its own task, and each account counts its own events, batches that end included', async () => {
  const [one, other] = [await openAccount(world, 2_000), await openAccount(world, 2_000)];
  const ending: string[] = [];
  for (const caller of [one, other, one, other]) ending.push(uuidOf(await create(world, caller, submission({}, 10))));
  const staying = uuidOf(await create(world, one, submission({}, 10)));
  const begun = await beginAll();
  expect(begun).toHaveLength(50);
  await world.db.query(`SELECT pause_batch($1, $2, 'user')`, [one.accountUuid, ending[0]!]);
  const open = begun.filter(({ batchUuid, index }) => batchUuid === staying && index > 6);
  // Neighbours in a call are of different claims, batches and accounts.
  const settled = begun.filter((task) => !open.includes(task)).toSorted((a, b) => a.index - b.index);
  const [first] = settled;
  const [spared] = open;
  const strangers = [
    { task: { ...first!, fence: first!.fence + 100 }, outcome: outcomeOf({ ...first!, index: 2 }) },
    { task: { ...spared!, fence: spared!.fence + 100 }, outcome: outcomeOf(spared!) },
    { task: first!, outcome: outcomeOf({ ...first!, index: 2 }) },
  ];
  const items = [...settled.map((task) => ({ task, outcome: outcomeOf(task) })), ...strangers];
  const expected = [...settled.map(() => 'settled'), 'late', 'lost', 'late'];
  expect(await store.settle(items)).toEqual(expected);

  const check = async (): Promise<void> => {
    const rows = await world.admin.query(
      `SELECT batch_id, task_index, fence, state, upstream_id, failure_type, failure_detail, video_bytes FROM tasks
       WHERE resolution IS NOT NULL ORDER BY upstream_id`,
    );
    expect(rows).toEqual(
      settled
        .map((task) => {
          const found = outcomeOf(task);
          return {
            batch_id: task.batchUuid,
            task_index: task.index,
            fence: task.fence,
            state: found.kind,
            upstream_id: `${task.batchUuid}/${task.index}`,
            failure_type: found.kind === 'failed' ? found.type : null,
            failure_detail: found.kind === 'failed' ? found.detail : null,
            video_bytes: found.kind === 'succeeded' ? found.video.bytes : null,
          };
        })
        .toSorted((a, b) => (a.upstream_id < b.upstream_id ? -1 : 1)),
    );
    expect(await violations(world)).toEqual([]);
    for (const { accountUuid } of [one, other]) {
      const events = await world.admin.query<{ seq: number; type: string; batch_id: BatchUuid }>(
        'SELECT seq, type, batch_id FROM events WHERE account_id = $1 ORDER BY seq',
        [accountUuid],
      );
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
      const [counted] = await world.admin.query<{ last: number }>(
        'SELECT last_event_seq AS last FROM credit_accounts WHERE account_id = $1',
        [accountUuid],
      );
      expect(counted?.last).toBe(events.length);
      // Behind all that is told of its tasks, once.
      const ended = events.filter(({ type }) => type === 'batch.partial').map(({ batch_id }) => batch_id);
      const own = settled.filter((task) => task.accountUuid === accountUuid).map(({ batchUuid }) => batchUuid);
      expect(ended.toSorted()).toEqual([...new Set(own)].filter((id) => ending.includes(id)).toSorted());
      expect(events.slice(-2).map(({ type }) => type)).toEqual(['batch.partial', 'batch.partial']);
    }
    expect(
      await world.admin.query('SELECT batch_id, sum(open)::int AS open FROM task_leases GROUP BY batch_id'),
    ).toEqual([{ batch_id: staying, open: 3 }]);
    expect(await world.admin.query('SELECT batch_id FROM batch_schedule')).toEqual([{ batch_id: staying }]);
    expect(await world.admin.query('SELECT batch_id FROM batches WHERE paused')).toEqual([]);
    // Not that of the same claim, of which the first counted.
    expect(await world.admin.query('SELECT batch_id, task_index, fence FROM late_results')).toEqual([
      { batch_id: first?.batchUuid, task_index: first?.index, fence: strangers[0]?.task.fence },
    ]);
  };
  await check();

  // As after an answer that was lost.
  expect(await store.settle(items)).toEqual(expected.map((answer) => (answer === 'settled' ? 'late' : answer)));
  await check();
});
