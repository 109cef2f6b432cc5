/** What the functions of the hot path read: what they are about and nothing more, whatever the planner believes. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create, openAccount, openWorld, submission, uuidOf, type World } from '../../../testing/batches/world.ts';
import { systemClock } from '../../system/index.ts';
import type { Outcome } from '../outcome.ts';
import { createTaskStore } from '../store/task-store.ts';
import type { Database, Queryable } from '../../db/index.ts';

const LARGE = 3_000;
const CLAIMED = 100;
const VIDEO = { key: 'key', bytes: 1_000, sha256: new Uint8Array(32), contentType: 'video/mp4' } as const;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

async function smallBatches(accounts: number): Promise<void> {
  for (let at = 0; at < accounts; at += 1) {
    await create(world, await openAccount(world, 490), submission({}, 10));
  }
}

/** A batch of which only the last tasks are still to be claimed, and nothing else that could be. */
async function tailOfLargeBatch(): Promise<void> {
  await world.admin.query('UPDATE batch_schedule SET paused = true');
  const caller = await openAccount(world, LARGE * 49);
  const batchUuid = uuidOf(await create(world, caller, submission({}, LARGE)));
  await world.admin.query('UPDATE batch_schedule SET cursor_index = $2 WHERE batch_id = $1', [
    batchUuid,
    LARGE - CLAIMED,
  ]);
}

async function manyBatchesOfOneAccount(batches: number): Promise<void> {
  await world.admin.query('UPDATE batch_schedule SET paused = true');
  const caller = await openAccount(world, batches * 490);
  for (let at = 0; at < batches; at += 1) await create(world, caller, submission({}, 10));
}

/** Rows of tables that this transaction has fetched, whether by an index or by going through a table. */
async function rowsRead(tx: Queryable): Promise<Map<string, number>> {
  const rows = await tx.query<{ relname: string; fetched: number }>(
    `SELECT relname, coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0) AS fetched FROM pg_stat_xact_user_tables`,
  );
  return new Map(rows.map((row) => [row.relname, row.fetched]));
}

interface Reads {
  readonly step: string;
  readonly tasks: number;
  readonly batches: number;
  readonly schedule: number;
  readonly leases: number;
}

/** Takes the claimed tasks from their claim to their end, and a second time as after a lost answer, in one transaction. */
async function readsOfOneRound(): Promise<{ readonly taken: number; readonly reads: readonly Reads[] }> {
  return world.db.transaction(async (tx) => {
    const inTransaction: Database = { ...world.db, query: (sql, values) => tx.query(sql, values) };
    const store = createTaskStore(inTransaction, systemClock);
    const reads: Reads[] = [];
    const reading = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
      const before = await rowsRead(tx);
      const result = await work();
      const after = await rowsRead(tx);
      const of = (table: string): number => (after.get(table) ?? 0) - (before.get(table) ?? 0);
      reads.push({
        step,
        tasks: of('tasks'),
        batches: of('batches'),
        schedule: of('batch_schedule'),
        leases: of('task_leases'),
      });
      return result;
    };
    const leases = await reading('claim', () => store.claim(randomUUID(), 'simulator', CLAIMED, 60_000));
    const tasks = await reading('load', () => store.load(leases));
    await reading('start', () => store.startBatches(tasks));
    await reading('begin', () => store.beginAttempts(tasks));
    const sent = tasks.map((task) => ({ ...task, attempt: 1, upstreamId: `u-${String(task.index)}` }));
    await reading('record', () => store.recordSubmissions(sent.map((task) => ({ task, upstreamId: task.upstreamId }))));
    const outcome: Outcome = { kind: 'succeeded', video: VIDEO };
    const settlements = sent.map((task) => ({ task, outcome }));
    expect(new Set(await reading('settle', () => store.settle(settlements)))).toEqual(new Set(['settled']));
    expect(new Set(await reading('settle again', () => store.settle(settlements)))).toEqual(new Set(['late']));
    return { taken: tasks.length, reads };
  });
}

/**
 * The steps that read more than a few rows for each task that they are about, beside all open batches and leases once. Of
 * batches some more, since another index of theirs also begins with the account.
 */
async function wasteful(): Promise<readonly Reads[]> {
  const [open] = await world.admin.query<{ batches: number }>('SELECT count(*) AS batches FROM batch_schedule');
  const batches = open?.batches ?? 0;
  const { taken, reads } = await readsOfOneRound();
  expect(taken).toBe(CLAIMED);
  const few = 5 * taken;
  return reads.filter(
    (step) =>
      step.tasks > few ||
      step.batches > 4 * few ||
      step.schedule > few + 5 * batches ||
      step.leases > few + 5 * batches,
  );
}

describe('a round of the hot path reads a few rows for each task', () => {
  it('in a batch of thousands, when nothing is known of the tables yet', async () => {
    await tailOfLargeBatch();
    expect(await wasteful()).toEqual([]);
  });

  it('in a batch of thousands, when all batches were small so far', async () => {
    await smallBatches(60);
    await world.admin.query('ANALYZE');
    await tailOfLargeBatch();
    expect(await wasteful()).toEqual([]);
  });

  it('in many batches of one account, when every account had one so far', async () => {
    await manyBatchesOfOneAccount(300);
    expect(await wasteful()).toEqual([]);
  });

  it('in a batch of thousands, and in many batches, when all of that is known', async () => {
    await world.admin.query('ANALYZE');
    await tailOfLargeBatch();
    expect(await wasteful()).toEqual([]);
    await manyBatchesOfOneAccount(100);
    await world.admin.query('ANALYZE');
    expect(await wasteful()).toEqual([]);
  });
});

it('where a plan must not go through a table, none is compiled: to a server before 18 it would look dear enough', async () => {
  const rows = await world.admin.query(
    `SELECT proname FROM pg_proc
     WHERE 'enable_seqscan=off' = ANY (proconfig) AND NOT 'jit=off' = ANY (proconfig)`,
  );
  expect(rows).toEqual([]);
});
