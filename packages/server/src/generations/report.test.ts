import { randomUUID } from 'node:crypto';
import { planLimits, type BatchUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { testUuid } from '../../testing/test-uuid.ts';
import { openDatabase, type Database } from '../db/index.ts';
import {
  EVERYTHING,
  listUpstreamCosts,
  reportPage,
  reportPages,
  setUpstreamCost,
  upstreamCosts,
  type ReportPosition,
} from './index.ts';
import { upstreamCostsOfBatches } from './costs.ts';

let database: TestDatabase;
let db: Database;
let admin: Database;
const accountUuid = testUuid<'acct'>('0196b000-0000-7000-8000-000000000001');
const batches = [1, 2].map((n) => testUuid<'bat'>(`0196b000-0000-7000-8000-00000000001${n}`));

interface SeededTask {
  readonly state: string;
  readonly upstreamId: string | null;
  readonly at: string;
  readonly failureType?: string;
  readonly unknownSince?: string;
}

async function seedBatch(batchUuid: BatchUuid, model: string, createdAt: string, tasks: readonly SeededTask[]) {
  await admin.query(
    `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at,
       deadline_at, route)
     VALUES ($1, $2, $3, '\\x00', $4, $5, 49, '{}', $6, $6::timestamptz + interval '7 days', 'grsai')`,
    [accountUuid, batchUuid, randomUUID(), model, tasks.length, createdAt],
  );
  for (const [index, task] of tasks.entries()) {
    const isFinal = ['succeeded', 'failed'].includes(task.state);
    const succeeded = task.state === 'succeeded';
    await admin.query(
      `INSERT INTO tasks (account_id, batch_id, task_index, prompt, state, fence, attempt, upstream_id, submitted_at,
         timeout_at, unknown_since, finished_at, resolution, failure_type, video_key, video_bytes, video_sha256,
         video_content_type)
       VALUES ($1, $2, $3, 'p', $4, 1, 1, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
      [
        accountUuid,
        batchUuid,
        index,
        task.state,
        task.upstreamId,
        task.at,
        task.unknownSince ?? null,
        isFinal ? task.at : null,
        succeeded ? 'charge' : isFinal ? 'refund' : null,
        task.failureType ?? null,
        succeeded ? 'k' : null,
        succeeded ? 1 : null,
        succeeded ? Buffer.alloc(32) : null,
        succeeded ? 'video/mp4' : null,
      ],
    );
  }
}

beforeAll(async () => {
  database = await createTestDatabase();
  const open = (url: string): Database =>
    openDatabase({ url, applicationName: 'test', maxConnections: 3, onConnectionError: () => undefined });
  db = open(database.appUrl);
  admin = open(database.adminUrl);
  await admin.query(
    `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
     VALUES ($1, 'x', 'pilot', 'live', $2, rushes_now())`,
    [accountUuid, planLimits('pilot')],
  );
  await setUpstreamCost(db, {
    route: 'grsai',
    model: 'sora-2',
    microUsd: 80_000,
    failedMicroUsd: 1_000,
    validFrom: new Date('2026-10-01T00:00:00Z'),
  });
  await setUpstreamCost(db, {
    route: 'grsai',
    model: 'sora-2',
    microUsd: 100_000,
    failedMicroUsd: 2_000,
    validFrom: new Date('2026-11-01T00:00:00Z'),
  });
  const october = '2026-10-31T23:59:59Z';
  const november = '2026-11-01T00:00:00Z';
  await seedBatch(batches[0]!, 'sora-2', '2026-10-31T12:00:00Z', [
    { state: 'succeeded', upstreamId: 'a', at: october },
    { state: 'succeeded', upstreamId: 'b', at: november },
    { state: 'failed', failureType: 'moderation_output', upstreamId: 'c', at: november },
    // A result after the task's time was up.
    { state: 'failed', failureType: 'timeout', upstreamId: 'd', at: november },
    { state: 'unknown', upstreamId: null, at: november, unknownSince: november },
    // Refused before anything was started: no generation.
    { state: 'failed', failureType: 'invalid_request', upstreamId: null, at: november },
    // A callback told its id when its batch had been closed.
    { state: 'failed', failureType: 'provider_error', upstreamId: 'e', at: november, unknownSince: november },
  ]);
  await admin.query(
    `INSERT INTO late_results (account_id, batch_id, task_index, fence, outcome, upstream_id, recorded_at)
     VALUES ($1, $2, 3, 1, 'succeeded', 'd', rushes_now())`,
    [accountUuid, batches[0]!],
  );
  await admin.query(
    `INSERT INTO task_attempts (account_id, batch_id, task_index, attempt, route, failure_type, upstream_id,
       possible_duplicate, submitted_at, ended_at)
     VALUES ($1, $2, 0, 0, 'grsai', 'provider_error', 'f', false, $3, $3),
       ($1, $2, 1, 0, 'grsai', 'provider_error', NULL, true, $3, $3),
       ($1, $2, 2, 0, 'grsai', 'provider_unavailable', NULL, false, $3, $3),
       ($1, $2, 3, 0, 'grsai', 'provider_unavailable', 'h', false, $3, $3)`,
    [accountUuid, batches[0]!, october],
  );
  await seedBatch(batches[1]!, 'veo-pro', november, [{ state: 'running', upstreamId: 'g', at: november }]);
});

afterAll(async () => {
  await Promise.all([db.close(), admin.close()]);
  await database.drop();
});

describe('the report of generations', () => {
  it('names each generation once, with its match and the cost of its time', async () => {
    const rows = [];
    for await (const page of reportPages(db, EVERYTHING)) rows.push(...page);
    expect(
      rows.map((row) => [row.taskIndex, row.attempt, row.upstreamId, row.match, row.failed, row.microUsd]),
    ).toEqual([
      [0, 0, 'f', 'matched', true, 1_000],
      [0, 1, 'a', 'matched', false, 80_000],
      [1, 0, null, 'possible_duplicate', false, 80_000],
      [1, 1, 'b', 'matched', false, 100_000],
      [2, 1, 'c', 'matched', true, 2_000],
      [3, 0, 'h', 'matched', true, 1_000],
      [3, 1, 'd', 'late', false, 100_000],
      [4, 1, null, 'possible_duplicate', false, 100_000],
      [6, 1, 'e', 'late', false, 100_000],
      // Nobody said what this model costs: unknown, not nothing.
      [0, 1, 'g', 'matched', false, null],
    ]);
  });

  it('comes in pages that neither repeat nor leave out a row', async () => {
    const ids = [];
    let after: ReportPosition | null = null;
    do {
      const page: Awaited<ReturnType<typeof reportPage>> = await reportPage(db, EVERYTHING, after, 2);
      expect(page.rows.length).toBeLessThanOrEqual(2);
      ids.push(...page.rows.map((row) => row.upstreamId));
      after = page.next;
    } while (after !== null);
    expect(ids).toEqual(['f', 'a', null, 'b', 'c', 'h', 'd', null, 'e', 'g']);
  });

  it('adds up per route, model and match, and says what has no price', async () => {
    expect(await upstreamCosts(db, EVERYTHING)).toEqual([
      { route: 'grsai', model: 'sora-2', match: 'late', generations: 2, failed: 0, unpriced: 0, microUsd: 200_000 },
      { route: 'grsai', model: 'sora-2', match: 'matched', generations: 5, failed: 3, unpriced: 0, microUsd: 184_000 },
      {
        route: 'grsai',
        model: 'sora-2',
        match: 'possible_duplicate',
        generations: 2,
        failed: 0,
        unpriced: 0,
        microUsd: 180_000,
      },
      { route: 'grsai', model: 'veo-pro', match: 'matched', generations: 1, failed: 0, unpriced: 1, microUsd: 0 },
    ]);
    expect(await upstreamCostsOfBatches(db, [{ accountUuid, batchUuid: batches[0]! }])).toEqual([
      {
        accountUuid,
        batchUuid: batches[0],
        generations: 9,
        unpriced: 0,
        matchedMicroUsd: 184_000,
        possiblyDuplicatedMicroUsd: 180_000,
        lateMicroUsd: 200_000,
      },
    ]);
  });

  it('takes each submission into the period in which it was sent', async () => {
    const border = new Date('2026-11-01T00:00:00Z');
    const sum = async (from: Date | null, to: Date | null): Promise<number> =>
      (await upstreamCosts(db, { ...EVERYTHING, from, to })).reduce((total, line) => total + line.generations, 0);
    expect([await sum(null, border), await sum(border, null)]).toEqual([4, 6]);
    expect(await sum(new Date('2027-01-01T00:00:00Z'), null)).toBe(0);
  });

  it('can be asked for one fate, account or batch', async () => {
    const page = await reportPage(db, { ...EVERYTHING, match: 'late' }, null, 10);
    expect(page.rows.map((row) => row.upstreamId)).toEqual(['d', 'e']);
    expect((await reportPage(db, { ...EVERYTHING, batchUuid: batches[1]! }, null, 10)).rows).toHaveLength(1);
    expect((await reportPage(db, { ...EVERYTHING, accountUuid: testUuid() }, null, 10)).rows).toEqual([]);
  });

  it('lets a price be corrected for the very time it was set for', async () => {
    const veo = { route: 'grsai', model: 'veo-pro', failedMicroUsd: 0, validFrom: new Date('2026-12-01T00:00:00Z') };
    await setUpstreamCost(db, { ...veo, microUsd: 1 });
    await setUpstreamCost(db, { ...veo, microUsd: 1_200_000 });
    expect((await listUpstreamCosts(db)).filter(({ model }) => model === 'veo-pro')).toEqual([
      { ...veo, microUsd: 1_200_000 },
    ]);
  });
});
