import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { BatchCaller } from './account-check.ts';
import { settleEach } from '../../testing/batches/settle-each.ts';
import {
  BEGIN_ATTEMPTS,
  leasedTasks,
  openAccount,
  openWorld,
  ROUTE,
  submission,
  uuidOf,
  violations,
  type World,
} from '../../testing/batches/world.ts';

/**
 * Random histories of everything that may happen to batches, as SQL calls in any order, from workers that may hold
 * nothing, have lost what they held, or repeat themselves. The seed that fast-check prints replays one exactly: ids are
 * random, but nothing depends on them.
 */
let world: World;
beforeAll(async () => {
  world = await openWorld();
  // A clock that stands still until it is moved.
  await world.admin.query(`CREATE TABLE test_clock (now timestamptz NOT NULL);
    INSERT INTO test_clock VALUES ('2026-11-20T00:00:00Z');
    GRANT SELECT ON test_clock TO PUBLIC;
    CREATE OR REPLACE FUNCTION rushes_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT now FROM test_clock'`);
});
afterAll(async () => {
  await world.close();
});

const LEASE_MS = 30_000;
const TIMEOUT_MS = 600_000;
const WORKERS = [randomUUID(), randomUUID()];

interface Held {
  readonly account_id: AccountUuid;
  readonly batch_id: BatchUuid;
  readonly task_index: number;
  readonly fence: number;
  readonly attempt: number;
}

type Step =
  | { readonly do: 'create'; readonly count: number; readonly rate: number | null; readonly hours: number }
  | { readonly do: 'claim'; readonly worker: number; readonly slots: number; readonly begins: boolean }
  | { readonly do: 'take over'; readonly worker: number; readonly tasks: number }
  | {
      readonly do: 'begin' | 'record' | 'unknown' | 'renew' | 'void' | 'load';
      readonly worker: number;
      readonly part: number;
    }
  | { readonly do: 'settle'; readonly worker: number; readonly part: number; readonly ending: string }
  | { readonly do: 'requeue'; readonly worker: number; readonly part: number; readonly delayMs: number }
  | { readonly do: 'cancel' | 'expire' | 'finalize' | 'pause' | 'resume' | 'start' | 'freeze'; readonly batch: number }
  | { readonly do: 'wait'; readonly ms: number };

const worker = fc.nat(1);
const part = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      count: fc.integer({ min: 10, max: 30 }),
      rate: fc.option(fc.constantFrom(0, 0.5)),
      hours: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      worker,
      slots: fc.integer({ min: 1, max: 25 }),
      begins: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('take over' as const), worker, tasks: fc.integer({ min: 1, max: 25 }) }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'begin' as const,
        'begin' as const,
        'record' as const,
        'unknown' as const,
        'renew' as const,
        'void' as const,
        'load' as const,
      ),
      worker,
      part,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      worker,
      part,
      ending: fc.constantFrom('succeeded', 'provider_error', 'moderation_input', 'moderation_output', 'timeout'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('requeue' as const),
      worker,
      part,
      delayMs: fc.constantFrom(0, 0, 60_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'cancel' as const,
        'expire' as const,
        'finalize' as const,
        'pause' as const,
        'resume' as const,
        'start' as const,
        'freeze' as const,
      ),
      batch: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1_000, 1_000, LEASE_MS, LEASE_MS, TIMEOUT_MS, 3_600_000),
    }),
  },
);

/** One history: an account, its batches, and what two workers believe to hold. */
class History {
  readonly caller: BatchCaller;
  readonly batches: BatchUuid[] = [];
  readonly held: Held[][] = [[], []];

  constructor(caller: BatchCaller) {
    this.caller = caller;
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'create': {
        const outcome = await world.service.create(
          this.caller,
          submission(
            { deadline_hours: step.hours, ...(step.rate === null ? {} : { max_failure_rate: step.rate }) },
            step.count,
          ),
        );
        if (outcome.ok) this.batches.push(uuidOf(outcome.value.batch));
        else expect(outcome.refusal.code).toBe('insufficient_credits');
        return;
      }
      case 'claim': {
        const leases = await world.db.query('SELECT * FROM claim_tasks($1, $2, $3, $4)', [
          WORKERS[step.worker]!,
          ROUTE,
          step.slots,
          LEASE_MS,
        ]);
        await this.load(step.worker, leases as { account_id: AccountUuid; batch_id: BatchUuid; fence: number }[]);
        if (step.begins) await this.run({ do: 'begin', worker: step.worker, part: 1 });
        return;
      }
      case 'take over': {
        const leases = await world.db.query('SELECT * FROM take_over_leases($1, $2, $3)', [
          WORKERS[step.worker]!,
          LEASE_MS,
          step.tasks,
        ]);
        await this.load(step.worker, leases as { account_id: AccountUuid; batch_id: BatchUuid; fence: number }[]);
        return;
      }
      case 'wait': {
        await world.admin.query(`UPDATE test_clock SET now = now + $1 * interval '1 millisecond'`, [step.ms]);
        return;
      }
      case 'cancel':
      case 'expire':
      case 'finalize':
      case 'pause':
      case 'resume':
      case 'start':
      case 'freeze': {
        const batchUuid = this.batches[step.batch % Math.max(1, this.batches.length)];
        if (batchUuid !== undefined) await this.control(step.do, batchUuid);
        return;
      }
      case 'renew': {
        await world.db.query('SELECT renew_leases($1, $2)', [WORKERS[step.worker]!, LEASE_MS]);
        return;
      }
      case 'void': {
        await world.db.query('SELECT void_leases($1)', [WORKERS[step.worker]!]);
        return;
      }
      default: {
        const tasks = (this.held[step.worker] ?? []).filter((_, at) => at % step.part === 0);
        await this.work(step, tasks);
      }
    }
  }

  /** What a worker believes to hold only grows: it keeps trying with what it lost or finished long ago. */
  private async load(
    worker: number,
    leases: readonly { account_id: AccountUuid; batch_id: BatchUuid; fence: number }[],
  ): Promise<void> {
    this.held[worker]?.unshift(...(await leasedTasks(world, leases)));
  }

  private async control(wish: string, batchUuid: BatchUuid): Promise<void> {
    const calls: Record<string, string> = {
      cancel: `close_batch($1, $2, 'canceled')`,
      expire: `close_batch($1, $2, 'expired')`,
      finalize: 'finalize_batch_credits($1, $2)',
      pause: `pause_batch($1, $2, 'test')`,
      resume: 'resume_batch($1, $2)',
      start: 'start_batches(ARRAY[$1::uuid], ARRAY[$2::uuid])',
      freeze: 'freeze_credits_for_batch($1, $2)',
    };
    await world.db.query(`SELECT ${calls[wish] ?? ''}`, [this.caller.accountUuid, batchUuid]);
  }

  private async work(step: Step, tasks: readonly Held[]): Promise<void> {
    const keys = [
      tasks.map((task) => task.account_id),
      tasks.map((task) => task.batch_id),
      tasks.map((task) => task.task_index),
      tasks.map((task) => task.fence),
    ];
    const next = tasks.map((task) => task.attempt + 1);
    const filled = <T extends string | number | boolean | null>(value: T): T[] => tasks.map(() => value);
    switch (step.do) {
      case 'begin': {
        await world.db.query(BEGIN_ATTEMPTS, [...keys, next, filled(TIMEOUT_MS)]);
        return;
      }
      case 'record': {
        await world.db.query(
          'SELECT record_submissions($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::text[])',
          [...keys, next, filled('id')],
        );
        return;
      }
      case 'unknown': {
        await world.db.query('SELECT mark_unknown($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[])', [
          ...keys,
          filled('no answer'),
        ]);
        return;
      }
      case 'requeue': {
        await world.db.query(
          'SELECT requeue_tasks($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::bool[], $8::bool[], $9::int[])',
          [...keys, filled('provider_error'), filled(null), filled(true), filled(false), filled(step.delayMs)],
        );
        return;
      }
      case 'settle': {
        const good = step.ending === 'succeeded';
        await settleEach(
          world.db,
          tasks.map((task) => ({
            accountUuid: task.account_id,
            batchUuid: task.batch_id,
            index: task.task_index,
            fence: task.fence,
            outcome: good ? 'succeeded' : 'failed',
            failureType: good ? null : step.ending,
            failureDetail: null,
            upstreamId: 'id',
            video: good ? { key: 'key', bytes: 1, sha256: new Uint8Array(32), contentType: 'video/mp4' } : null,
          })),
        );
        return;
      }
      default: {
        return;
      }
    }
  }
}

/** What must hold beside the ledger: leases count exactly the tasks that are in flight under them. */
async function miscounts(accountUuid: AccountUuid): Promise<object[]> {
  return world.admin.query(
    `SELECT l.batch_id, l.fence, l.open, count(t.task_index) AS tasks
     FROM task_leases l LEFT JOIN tasks t ON t.account_id = l.account_id AND t.batch_id = l.batch_id AND t.resolution IS NULL
       AND t.task_index BETWEEN l.from_index AND l.to_index AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range'))
     WHERE l.account_id = $1 GROUP BY l.account_id, l.batch_id, l.fence, l.open HAVING l.open <> count(t.task_index)
     UNION ALL
     SELECT t.batch_id, t.fence, 0, 1 FROM tasks t
     WHERE t.account_id = $1 AND t.state IN ('submitting', 'running', 'unknown') AND NOT EXISTS (
       SELECT 1 FROM task_leases l WHERE l.account_id = t.account_id AND l.batch_id = t.batch_id AND l.fence = t.fence)`,
    [accountUuid],
  );
}

describe('any history', () => {
  it('keeps every invariant of the ledger after each step, and every task becomes final', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), async (steps) => {
        const history = new History(await openAccount(world, 3_000));
        const { accountUuid } = history.caller;
        await history.run({ do: 'create', count: 10, rate: null, hours: 1 });
        for (const next of steps) {
          await history.run(next);
          expect(await violations(world), next.do).toEqual([]);
          expect(await miscounts(accountUuid), next.do).toEqual([]);
        }
        // Past every deadline and timeout nothing may be left but what a sweep ends.
        await history.run({ do: 'wait', ms: 4 * 3_600_000 });
        for (const batch of history.batches.keys()) await history.run({ do: 'expire', batch });
        await history.run({ do: 'take over', worker: 0, tasks: 100_000 });
        await history.run({ do: 'begin', worker: 0, part: 1 });
        await history.run({ do: 'settle', worker: 0, part: 1, ending: 'provider_error' });
        const [left] = await world.db.query(
          `SELECT (SELECT count(*) FROM tasks WHERE account_id = $1 AND resolution IS NULL) AS tasks,
             (SELECT count(*) FROM batches WHERE account_id = $1 AND finished_at IS NULL) AS batches,
             (SELECT count(*) FROM task_leases WHERE account_id = $1) AS leases,
             (SELECT count(*) FROM batch_schedule WHERE account_id = $1) AS schedules,
             (SELECT count(*) FROM task_retries WHERE account_id = $1) AS retries,
             (SELECT reserved FROM credit_accounts WHERE account_id = $1) AS reserved`,
          [accountUuid],
        );
        expect(left).toEqual({ tasks: 0, batches: 0, leases: 0, schedules: 0, retries: 0, reserved: 0 });
        expect(await violations(world)).toEqual([]);
      }),
      { numRuns: 25, interruptAfterTimeLimit: 60_000 },
    );
  }, 120_000);
});
