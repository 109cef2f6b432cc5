/** Ids that come late lock their tasks in one order with those that are in time: requeueing locks them in that order too. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  create,
  openAccount,
  openWorld,
  startTasks,
  submission,
  uuidOf,
  type World,
} from '../../../testing/batches/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const RECORD =
  'SELECT * FROM record_submissions($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::text[])';

it('an id that is late and waits for its task holds no task behind it, and is kept', async () => {
  const caller = await openAccount(world, 490);
  const batchUuid = uuidOf(await create(world, caller, submission({}, 10)));
  const [late, inTime] = (await startTasks(world, 100)).toSorted((a, b) => a.index - b.index);
  const ofTask = 'account_id = $1 AND batch_id = $2 AND task_index = $3';
  const key = (index: number) => [caller.accountUuid, batchUuid, index];
  await world.admin.query(`UPDATE tasks SET state = 'unknown', unknown_since = rushes_now() WHERE ${ofTask}`, key(0));

  const recorded = await world.admin.transaction(async (holder) => {
    await holder.query(`SELECT 1 FROM tasks WHERE ${ofTask} FOR UPDATE`, key(0));
    const recording = world.db.query<{ ord: number }>(RECORD, [
      [caller.accountUuid, caller.accountUuid],
      [batchUuid, batchUuid],
      [1, 0],
      [inTime!.fence, late!.fence],
      [1, 1],
      ['id-1', 'id-0'],
    ]);
    await expect
      .poll(
        () =>
          world.admin.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = $1`, [RECORD]),
        {
          interval: 5,
        },
      )
      .toHaveLength(1);
    expect(await holder.query(`SELECT 1 FROM tasks WHERE ${ofTask} FOR UPDATE SKIP LOCKED`, key(1))).toHaveLength(1);
    return { recording };
  });
  expect(await recorded.recording).toEqual([{ ord: 1 }]);
  const rows = await world.admin.query(
    'SELECT state, upstream_id FROM tasks WHERE batch_id = $1 AND task_index < 2 ORDER BY task_index',
    [batchUuid],
  );
  expect(rows).toEqual([
    { state: 'unknown', upstream_id: 'id-0' },
    { state: 'running', upstream_id: 'id-1' },
  ]);
});
