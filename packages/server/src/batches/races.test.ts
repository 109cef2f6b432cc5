import type { CancelResult, AccountUuid, BatchUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credits } from '../ledger/index.ts';
import type { Outcome } from '../outcome/index.ts';
import type { BatchCaller } from './account-check.ts';
import {
  BEGIN_ATTEMPTS,
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

async function running(count: number) {
  const caller = await openAccount(world, count * 49);
  const batchUuid = uuidOf(await create(world, caller, submission({}, count)));
  const tasks = (await startTasks(world, 100_000)).filter((task) => task.batchUuid === batchUuid);
  expect(tasks).toHaveLength(count);
  return { caller, batchUuid, tasks };
}

async function ledgerKinds(accountUuid: AccountUuid): Promise<Record<string, number>> {
  const rows = await world.db.query<{ kind: string; entries: number }>(
    'SELECT kind, count(*) AS entries FROM credit_ledger WHERE account_id = $1 GROUP BY kind',
    [accountUuid],
  );
  return Object.fromEntries(rows.map((row) => [row.kind, row.entries]));
}

/** Asks again while the answer is that the database is busy, as a client does. */
async function cancelPatiently(caller: BatchCaller, batchUuid: BatchUuid): Promise<Outcome<CancelResult>> {
  for (;;) {
    const outcome = await world.service.cancel(caller, batchUuid, { preview: false });
    if (outcome.ok || outcome.refusal.code !== 'unavailable') return outcome;
  }
}

describe('races over one batch', () => {
  it('32 settlers of every task and a cancel leave each task with one resolution', async () => {
    const caller = await openAccount(world, 320 * 49);
    const batchUuid = uuidOf(await create(world, caller, submission({}, 320)));
    const tasks = await startTasks(world, 160);
    const settlers = Array.from({ length: 32 }, (_, settler) =>
      settle(
        world.db,
        caller.accountUuid,
        batchUuid,
        // Each in another order and with another opinion of how the tasks ended.
        tasks.map((_, at) => ({
          ...tasks[(at * 7 + settler * 5) % tasks.length]!,
          ending: settler % 2 === 0 ? ('succeeded' as const) : ('provider_error' as const),
        })),
      ),
    );
    const [canceled, ...answers] = await Promise.all([cancelPatiently(caller, batchUuid), ...settlers]);
    expect(answers.flat().filter((answer) => answer === 'settled')).toHaveLength(160);
    expect(canceled).toMatchObject({ ok: true, value: { refunded: 160 * 49 } });
    const batch = await world.service.get(caller, batchUuid);
    expect(batch).toMatchObject({
      status: 'canceled',
      counts: { canceled: 160, processing: 0, queued: 0 },
      credits: { held: 0 },
    });
    const kinds = await ledgerKinds(caller.accountUuid);
    expect((kinds['charge'] ?? 0) + (kinds['refund'] ?? 0)).toBe(320);
    expect(await violations(world)).toEqual([]);
  });

  it('32 clients finalize one batch: it ends once, with one event', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    await settle(
      world.db,
      caller.accountUuid,
      batchUuid,
      tasks.map((task) => ({ ...task, ending: 'succeeded' })),
    );
    // Takes its end back, so that all of them find a batch that is finished and not final.
    const key = [caller.accountUuid, batchUuid];
    const isIt = 'WHERE account_id = $1 AND batch_id = $2';
    await world.admin.query(`UPDATE batches SET status = 'queued', finished_at = NULL ${isIt}`, key);
    await world.admin.query(`UPDATE credit_holds SET state = 'open' ${isIt}`, key);
    await world.admin.query(`DELETE FROM events ${isIt} AND type = 'batch.completed'`, key);
    expect(await violations(world)).toEqual([expect.stringContaining('closed_hold')]);
    const answers = await Promise.all(
      Array.from({ length: 32 }, async () => {
        const [row] = await world.db.query<{ answer: string }>('SELECT finalize_batch_credits($1, $2) AS answer', [
          caller.accountUuid,
          batchUuid,
        ]);
        return row!.answer;
      }),
    );
    expect(answers.filter((answer) => answer === 'finalized')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'already_final')).toHaveLength(31);
    const events = await world.db.query(`SELECT 1 FROM events WHERE account_id = $1 AND type = 'batch.completed'`, [
      caller.accountUuid,
    ]);
    expect(events).toHaveLength(1);
    expect(await violations(world)).toEqual([]);
  });

  it('finalizing a batch that is not finished changes nothing', async () => {
    const { caller, batchUuid } = await running(10);
    const rows = await world.db.query('SELECT finalize_batch_credits($1, $2) AS answer', [
      caller.accountUuid,
      batchUuid,
    ]);
    expect(rows).toEqual([{ answer: 'not_finished' }]);
    expect(await world.service.get(caller, batchUuid)).toMatchObject({ finished_at: null });
  });

  it('a late result after a refund changes nothing and is kept for the operator', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    const [task] = tasks;
    expect(await settle(world.db, caller.accountUuid, batchUuid, [{ ...task!, ending: 'provider_error' }])).toEqual([
      'settled',
    ]);
    const before = await credits(world.db, caller.accountUuid);
    expect(await settle(world.db, caller.accountUuid, batchUuid, [{ ...task!, ending: 'succeeded' }])).toEqual([
      'late',
    ]);
    expect(await credits(world.db, caller.accountUuid)).toEqual(before);
    expect(await world.service.task(caller, batchUuid, task!.index)).toMatchObject({ status: 'failed', video: null });
    const late = await world.db.query('SELECT outcome FROM late_results WHERE account_id = $1', [caller.accountUuid]);
    expect(late).toEqual([{ outcome: 'succeeded' }]);
    expect(await violations(world)).toEqual([]);
  });

  it('a worker without the task, or with an old fence, settles nothing', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    const [task] = tasks;
    for (const fence of [0, task!.fence - 1, task!.fence + 1]) {
      expect(
        await settle(world.db, caller.accountUuid, batchUuid, [{ index: task!.index, fence, ending: 'succeeded' }]),
      ).toEqual(['lost']);
    }
    expect(
      await settle(world.db, caller.accountUuid, batchUuid, [{ index: 999, fence: 1, ending: 'succeeded' }]),
    ).toEqual(['lost']);
    // The database's clock decides what is a timeout.
    expect(await settle(world.db, caller.accountUuid, batchUuid, [{ ...task!, ending: 'timeout' }])).toEqual(['lost']);
    expect(await ledgerKinds(caller.accountUuid)).toEqual({ grant: 1, reserve: 1 });
  });

  it('two outcomes of one task in one call: the first counts', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    const [task] = tasks;
    expect(
      await settle(world.db, caller.accountUuid, batchUuid, [
        { ...task!, ending: 'succeeded' },
        { ...task!, ending: 'provider_error' },
      ]),
    ).toEqual(['settled']);
    expect(await ledgerKinds(caller.accountUuid)).toEqual({ grant: 1, reserve: 1, charge: 1 });
  });

  it('a worker that names a task under an old and a new claim in one call is heard for the new one', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    const [task, other] = tasks;
    const keys = (fences: number[], index: number): (string | number)[][] => [
      fences.map(() => caller.accountUuid),
      fences.map(() => batchUuid),
      fences.map(() => index),
      fences,
    ];
    const requeued = await world.db.query(
      `SELECT answer FROM requeue_tasks($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], ARRAY['provider_error', 'provider_error'],
         ARRAY['', ''], ARRAY[true, true], ARRAY[false, false], ARRAY[0, 0]) ORDER BY ord`,
      keys([task!.fence - 1, task!.fence], task!.index),
    );
    expect(requeued).toEqual([{ answer: 'lost' }, { answer: 'requeued' }]);
    expect(
      await settle(world.db, caller.accountUuid, batchUuid, [
        { index: other!.index, fence: other!.fence - 1, ending: 'provider_error' },
        { ...other!, ending: 'succeeded' },
      ]),
    ).toEqual(['late', 'settled']);
  });

  it('a task that runs is neither canceled nor expired, whoever asks', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    const endings = [
      { ...tasks[0]!, ending: 'canceled' as const },
      { ...tasks[1]!, ending: 'expired' as const },
    ];
    expect(await settle(world.db, caller.accountUuid, batchUuid, endings)).toEqual(['lost', 'lost']);
  });

  it('a task of a canceled batch is not tried again', async () => {
    const { caller, batchUuid, tasks } = await running(10);
    await world.service.cancel(caller, batchUuid, { preview: false });
    const answer = await world.db.query(
      `SELECT answer FROM requeue_tasks(ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[$3::int], ARRAY[$4::bigint],
         ARRAY['provider_error'], ARRAY[''], ARRAY[true], ARRAY[false], ARRAY[0])`,
      [caller.accountUuid, batchUuid, tasks[0]!.index, tasks[0]!.fence],
    );
    expect(answer).toEqual([{ answer: 'closed' }]);
    expect(await world.service.task(caller, batchUuid, tasks[0]!.index)).toMatchObject({ status: 'processing' });
  });

  it('a claim of one range is no leave to send a task of another', async () => {
    const caller = await openAccount(world, 490);
    const batchUuid = uuidOf(await create(world, caller, submission()));
    const tasks = (await startTasks(world, 5)).filter((task) => task.batchUuid === batchUuid);
    expect(tasks.map((task) => task.index)).toEqual([0, 1, 2, 3, 4]);
    const begin = (index: number) =>
      world.db.query(BEGIN_ATTEMPTS, [[caller.accountUuid], [batchUuid], [index], [tasks[0]!.fence], [1], [1_000]]);
    expect(await begin(4)).toHaveLength(1);
    expect(await begin(5)).toEqual([]);
  });
});

describe('the event list', () => {
  it('has no holes under 16 concurrent writers: a reader never passes a number that commits later', async () => {
    const caller = await openAccount(world, 16 * 490);
    const tasks = await Promise.all(
      Array.from({ length: 16 }, async () => uuidOf(await create(world, caller, submission()))),
    ).then(async (batches) => {
      const started = await startTasks(world, 100_000);
      return batches.map((batchUuid) => ({ batchUuid, tasks: started.filter((task) => task.batchUuid === batchUuid) }));
    });
    const writers = Promise.all(
      tasks.map(async ({ batchUuid, tasks: own }) => {
        for (const task of own)
          await settle(world.db, caller.accountUuid, batchUuid, [{ ...task, ending: 'succeeded' }]);
      }),
    );
    // 160 task events and 16 batch events; batches were not marked as processing.
    let seen = 0;
    while (seen < 176) {
      const rows = await world.db.query<{ seq: number }>(
        'SELECT seq FROM events WHERE account_id = $1 AND seq > $2 ORDER BY seq',
        [caller.accountUuid, seen],
      );
      expect(rows.map((row) => row.seq)).toEqual(rows.map((_, at) => seen + at + 1));
      seen += rows.length;
    }
    await writers;
    expect(await violations(world)).toEqual([]);
  });
});
