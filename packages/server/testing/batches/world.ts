/** A database with accounts in it, and the steps of a worker as plain calls, for tests of batches and credits. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  DEFAULT_TERMS,
  MODELS,
  batchIds,
  type Batch,
  type ModelSpec,
  type Terms,
  type AccountUuid,
  type BatchUuid,
} from '@rushes/contract';
import { createTestDatabase } from '../database.ts';
import { createAccount } from '../../src/accounts/index.ts';
import { isTransient, isUnavailable, openDatabase, type Database } from '../../src/db/index.ts';
import { issueCredits } from '../../src/ledger/index.ts';
import { checkLedger } from '../../src/checking/check-ledger.ts';
import type { Random } from '../../src/ports.ts';
import { createBatchService, parseSubmission, type BatchService, type Submission } from '../../src/batches/index.ts';
import type { BatchCaller } from '../../src/batches/account-check.ts';
import { settleEach } from './settle-each.ts';

export const testRandom: Random = {
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
  fraction: () => 0.5,
};

export const ROUTE = 'simulator';

export interface TaskRef {
  readonly index: number;
  readonly fence: number;
}

export interface World {
  /** Logged in as the application. */
  readonly db: Database;
  /** Superuser. */
  readonly admin: Database;
  readonly service: BatchService;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const database = await createTestDatabase();
  const open = (url: string, maxConnections: number): Database =>
    openDatabase({ url, applicationName: 'test', maxConnections, onConnectionError: () => undefined });
  const db = open(database.appUrl, 20);
  const admin = open(database.adminUrl, 4);
  await db.query('INSERT INTO dispatch_routes (route, max_concurrent_tasks) VALUES ($1, 100000)', [ROUTE]);
  return {
    db,
    admin,
    service: serviceOn(db),
    async close() {
      await Promise.all([db.close(), admin.close()]);
      await database.drop();
    },
  };
}

export function serviceOn(db: Database): BatchService {
  return createBatchService({ db, random: testRandom, routeFor: () => ROUTE, modelTimeoutMs: () => 600_000 });
}

export async function openAccount(world: World, credits: number, terms: Partial<Terms> = {}): Promise<BatchCaller> {
  const accountUuid = await createAccount(world.db, testRandom, { name: 'Test', plan: 'enterprise', mode: 'test' });
  await world.admin.query(
    `UPDATE accounts SET limits = limits || '{"max_concurrent_tasks": 100000}' WHERE account_id = $1`,
    [accountUuid],
  );
  if (credits > 0) await grant(world, accountUuid, credits);
  return { accountUuid, mode: 'test', terms: { ...DEFAULT_TERMS, ...terms } };
}

export async function grant(world: World, accountUuid: AccountUuid, amount: number): Promise<void> {
  await issueCredits(world.db, { accountUuid, kind: 'grant', amount, reason: 'test', reference: randomUUID() });
}

export function submission(fields: object = {}, count = 10, models: readonly ModelSpec[] = MODELS): Submission {
  const items = Array.from({ length: count }, (_, index) => ({ prompt: `prompt ${index}` }));
  const body = JSON.stringify({ request_id: randomUUID(), model: 'sora-2', items, ...fields });
  const request = { contentType: 'application/json', body: Buffer.from(body), query: new Map<string, string>() };
  const outcome = parseSubmission(request, 'create', models);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.refusal));
  return outcome.value;
}

/** Creates a batch and fails the test when it is refused. */
export async function create(world: World, caller: BatchCaller, request: Submission): Promise<Batch> {
  const outcome = await world.service.create(caller, request);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.refusal));
  return outcome.value.batch;
}

export function uuidOf(batch: Batch): BatchUuid {
  const uuid = batchIds.parse(batch.id);
  if (uuid === null) throw new Error(batch.id);
  return uuid;
}

export async function violations(world: World): Promise<readonly string[]> {
  return (await checkLedger(world.admin, null)).map(({ rule, detail }) => `${rule}: ${detail}`);
}

interface LeaseRow {
  account_id: AccountUuid;
  batch_id: BatchUuid;
  fence: number;
}

/** The unfinished tasks of some leases. */
export async function leasedTasks(
  world: World,
  leases: readonly LeaseRow[],
): Promise<(LeaseRow & { task_index: number; attempt: number })[]> {
  const rows = await world.db.query<{ lease: number; task_index: number; attempt: number }>(
    'SELECT lease, task_index, attempt FROM leased_tasks($1::uuid[], $2::uuid[], $3::bigint[])',
    [
      leases.map((lease) => lease.account_id),
      leases.map((lease) => lease.batch_id),
      leases.map((lease) => lease.fence),
    ],
  );
  return rows.map(({ lease, task_index, attempt }) => ({ ...leases[lease - 1]!, task_index, attempt }));
}

/** Of accounts, batches, indexes, fences, attempts and timeouts: each task a range of its own. */
export const BEGIN_ATTEMPTS =
  'SELECT * FROM begin_attempts($1::uuid[], $2::uuid[], $3::int[], $3::int[], $4::bigint[], $5::int[], $6::int[])';

/** Claims up to `slots` tasks of the route for a new worker and commits the intent to submit each. */
export async function startTasks(
  world: World,
  slots: number,
): Promise<(TaskRef & { batchUuid: BatchUuid; accountUuid: AccountUuid })[]> {
  const leases = await world.db.query<LeaseRow>('SELECT * FROM claim_tasks($1, $2, $3, 30000)', [
    randomUUID(),
    ROUTE,
    slots,
  ]);
  const tasks = await leasedTasks(world, leases);
  await world.db.query(BEGIN_ATTEMPTS, [
    tasks.map((task) => task.account_id),
    tasks.map((task) => task.batch_id),
    tasks.map((task) => task.task_index),
    tasks.map((task) => task.fence),
    tasks.map((task) => task.attempt + 1),
    tasks.map(() => 600_000),
  ]);
  return tasks.map((task) => ({
    index: task.task_index,
    fence: task.fence,
    batchUuid: task.batch_id,
    accountUuid: task.account_id,
  }));
}

export type TestEnding = 'succeeded' | 'provider_error' | 'moderation_input' | 'timeout' | 'canceled' | 'expired';

function outcomeOf(ending: TestEnding): string {
  return ending === 'succeeded' || ending === 'canceled' || ending === 'expired' ? ending : 'failed';
}

/** Asks again as long as the database gives up waiting for a lock, as a worker does; on a busy machine it may. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error) && !isTransient(error)) throw error;
    }
  }
}

/** Settles tasks of one batch; returns the answer for each. */
export async function settle(
  db: Database,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  endings: readonly (TaskRef & { readonly ending: TestEnding })[],
): Promise<string[]> {
  return patiently(() =>
    settleEach(
      db,
      endings.map(({ index, fence, ending }) => ({
        accountUuid,
        batchUuid,
        index,
        fence,
        outcome: outcomeOf(ending),
        failureType: ending === 'succeeded' ? null : ending,
        failureDetail: null,
        upstreamId: 'upstream-id',
        video:
          ending === 'succeeded'
            ? { key: 'key', bytes: 1_000, sha256: new Uint8Array(32), contentType: 'video/mp4' }
            : null,
      })),
    ),
  );
}
