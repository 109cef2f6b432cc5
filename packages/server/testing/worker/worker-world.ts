/** Workers over a real database, a real simulator and real files, for tests of what they do with batches. */
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DEFAULT_TERMS, batchIds, type Batch, type Plan, type Terms, type BatchUuid } from '@rushes/contract';
import { expect } from 'vitest';
import { createTestDatabase } from '../database.ts';
import { silentLogger } from '../silent-logger.ts';
import { createAccount } from '../../src/accounts/index.ts';
import { createBatchService, parseSubmission, type BatchService } from '../../src/batches/index.ts';
import type { BatchCaller } from '../../src/batches/account-check.ts';
import { openDatabase, type Database } from '../../src/db/index.ts';
import { issueCredits } from '../../src/ledger/index.ts';
import { checkLedger } from '../../src/checking/check-ledger.ts';
import { createHttpClient } from '../../src/outbound/index.ts';
import type { HttpClient } from '../../src/ports.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { createGrsai } from '../../src/upstreams/grsai.ts';
import { startSimulator, type Simulator } from '../../src/upstreams/index.ts';
import { createFileStorage, type FileStorage } from '../../src/videos/index.ts';
import { startWorker, type Route } from '../../src/worker/index.ts';
import type { Worker } from '../../src/worker/worker.ts';
import type { WorkerOptions } from '../../src/worker/worker-options.ts';

export interface WorkerWorld {
  /** Logged in as the application. */
  readonly db: Database;
  /** Superuser. */
  readonly admin: Database;
  readonly adminUrl: string;
  readonly service: BatchService;
  readonly simulator: Simulator;
  readonly storage: FileStorage;
  readonly http: HttpClient;
  /** The simulator's route with limits that keep a test short. */
  route(change?: Partial<Route>): Route;
  /** A pool of its own, as another process would have. */
  openDatabase(maxConnections?: number): Database;
  /** Starts a worker; `close` stops it when the test has not. */
  startWorker(change?: Partial<WorkerOptions>): Promise<Worker>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly latencyMs?: readonly [number, number];
  /** Per try, of new batches. */
  readonly timeoutMs?: number;
}

export async function openWorkerWorld({
  latencyMs = [5, 30],
  timeoutMs = 20_000,
}: WorldOptions = {}): Promise<WorkerWorld> {
  const database = await createTestDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'rushes-worker-test-'));
  const open = (url: string, maxConnections: number): Database =>
    openDatabase({ url, applicationName: 'test', maxConnections, onConnectionError: () => undefined });
  const db = open(database.appUrl, 10);
  const admin = open(database.adminUrl, 4);
  const http = createHttpClient();
  const simulator = await startSimulator({
    dataDir: path.join(folder, 'simulator'),
    seed: 'worker',
    latencyMs,
    http,
    clock: systemClock,
  });
  const storage = createFileStorage({ root: path.join(folder, 'videos'), random: systemRandom });
  const upstream = createGrsai({ name: 'simulator', baseUrl: simulator.url, apiKey: 'test', http, clock: systemClock });
  const closers: (() => Promise<void>)[] = [];
  const route = (change: Partial<Route> = {}): Route => ({
    name: 'simulator',
    upstream,
    maxConcurrentTasks: 100,
    upstreamModel: (model) => ({ 'sora-2': 'sora-2', 'veo-pro': 'veo3.1-pro' })[model] ?? null,
    pollIntervalMs: [10, 50],
    retry: { maxFailures: 3, baseDelayMs: 20, maxDelayMs: 100 },
    unknownWaitMs: 100,
    ...change,
  });
  const openPool = (maxConnections = 8): Database => {
    const pool = open(database.appUrl, maxConnections);
    closers.push(() => pool.close());
    return pool;
  };
  return {
    db,
    admin,
    adminUrl: database.adminUrl,
    storage,
    simulator,
    http,
    route,
    service: createBatchService({
      db,
      random: systemRandom,
      routeFor: () => 'simulator',
      modelTimeoutMs: () => timeoutMs,
    }),
    openDatabase: openPool,
    async startWorker(change = {}) {
      const worker = await startWorker({
        workerId: randomUUID(),
        db: change.db ?? openPool(),
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        http,
        storage,
        routes: [route()],
        concurrency: 64,
        leaseMs: 2_000,
        dispatchIntervalMs: 20,
        tokenFor: (task, attempt) =>
          createHmac('sha256', 'test').update(`${task.batchUuid}/${task.index}/${attempt}`).digest('base64url'),
        deadWorkers: () => Promise.resolve([]),
        ...change,
      });
      let stopping: Promise<void> | null = null;
      const stop = (): Promise<void> => (stopping ??= worker.stop());
      closers.push(stop);
      return {
        wake: () => worker.wake(),
        get tasksInFlight() {
          return worker.tasksInFlight;
        },
        stop,
      };
    },
    async close() {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
      await simulator.close();
      await http.close();
      await Promise.all([db.close(), admin.close()]);
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An account with more credits than any test spends. */
export async function openAccount(
  world: WorkerWorld,
  plan: Plan = 'enterprise',
  terms: Partial<Terms> = {},
): Promise<BatchCaller> {
  const accountUuid = await createAccount(world.db, systemRandom, { name: 'Test', plan, mode: 'test' });
  await issueCredits(world.db, { accountUuid, kind: 'grant', amount: 100_000_000, reason: 'test', reference: 'test' });
  return { accountUuid, mode: 'test', terms: { ...DEFAULT_TERMS, ...terms } };
}

export interface TestBatch {
  readonly caller: BatchCaller;
  readonly batchUuid: BatchUuid;
}

export async function createBatch(
  world: WorkerWorld,
  caller: BatchCaller,
  prompts: readonly string[],
  { fields = {}, service = world.service }: { readonly fields?: object; readonly service?: BatchService } = {},
): Promise<TestBatch> {
  const body = JSON.stringify({
    request_id: randomUUID(),
    model: 'sora-2',
    items: prompts.map((prompt) => ({ prompt })),
    ...fields,
  });
  const request = { contentType: 'application/json', body: Buffer.from(body), query: new Map<string, string>() };
  const read = parseSubmission(request, 'create');
  if (!read.ok) throw new Error(JSON.stringify(read.refusal));
  const created = await service.create(caller, read.value);
  if (!created.ok) throw new Error(JSON.stringify(created.refusal));
  const batchUuid = batchIds.parse(created.value.batch.id);
  if (batchUuid === null) throw new Error(created.value.batch.id);
  return { caller, batchUuid };
}

/** Ten prompts or more, no two alike. */
export function prompts(count: number, text = ''): string[] {
  return Array.from({ length: count }, (_, index) => `${text} scene ${index} ${randomUUID()}`);
}

export async function batchOf(world: WorkerWorld, { caller, batchUuid }: TestBatch): Promise<Batch> {
  const batch = await world.service.get(caller, batchUuid);
  if (batch === null) throw new Error(`no batch ${batchUuid}`);
  return batch;
}

/** Waits until the batch has ended and returns it. */
export async function ended(world: WorkerWorld, batch: TestBatch, timeoutMs = 20_000): Promise<Batch> {
  await expect
    .poll(async () => (await batchOf(world, batch)).finished_at, { timeout: timeoutMs, interval: 20 })
    .not.toBeNull();
  return batchOf(world, batch);
}

export interface TaskRow {
  readonly task_index: number;
  readonly state: string;
  readonly resolution: string | null;
  readonly failure_type: string | null;
  readonly attempt: number;
  readonly failures: number;
  readonly fence: number;
  readonly upstream_id: string | null;
  readonly video_key: string | null;
}

export function taskRows(world: WorkerWorld, batch: TestBatch): Promise<TaskRow[]> {
  return world.db.query<TaskRow>(
    `SELECT task_index, state, resolution, failure_type, attempt, failures, fence, upstream_id, video_key
     FROM tasks WHERE account_id = $1 AND batch_id = $2 ORDER BY task_index`,
    [batch.caller.accountUuid, batch.batchUuid],
  );
}

/** Generations that the simulator ever started, by prompt. */
export async function generationsByPrompt(world: WorkerWorld): Promise<Map<string, number>> {
  const response = await fetch(`${world.simulator.url}/_sim/generations`);
  const { data: entries } = (await response.json()) as { data: { prompt: string }[] };
  const counts = new Map<string, number>();
  for (const { prompt } of entries) counts.set(prompt, (counts.get(prompt) ?? 0) + 1);
  return counts;
}

/** Everything that must hold at any moment: the ledger, and that leases count exactly the tasks they hold. */
export async function violations(world: WorkerWorld): Promise<readonly string[]> {
  const ledger = (await checkLedger(world.admin, null)).map(({ rule, detail }) => `${rule}: ${detail}`);
  const leases = await world.admin.query<{ detail: string }>(
    `SELECT format('lease %s of batch %s says %s open, it holds %s', l.fence, l.batch_id, l.open, h.tasks) AS detail
     FROM task_leases l CROSS JOIN LATERAL (
       SELECT count(*) AS tasks FROM tasks t
       WHERE t.account_id = l.account_id AND t.batch_id = l.batch_id AND t.resolution IS NULL
         AND t.task_index BETWEEN l.from_index AND l.to_index
         AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range'))
     ) h
     WHERE h.tasks <> l.open
     UNION ALL
     SELECT format('task %s of batch %s is %s and nobody will look at it', t.task_index, t.batch_id, t.state)
     FROM tasks t LEFT JOIN batch_schedule s ON s.account_id = t.account_id AND s.batch_id = t.batch_id
     WHERE t.resolution IS NULL
       AND NOT (t.state = 'queued' AND t.fence = 0 AND t.task_index >= s.cursor_index)
       AND NOT EXISTS (SELECT FROM task_retries r WHERE r.account_id = t.account_id AND r.batch_id = t.batch_id
         AND r.task_index = t.task_index AND t.state = 'queued')
       AND NOT EXISTS (SELECT FROM task_leases l WHERE l.account_id = t.account_id AND l.batch_id = t.batch_id
         AND t.task_index BETWEEN l.from_index AND l.to_index
         AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range')))`,
  );
  return [...ledger, ...leases.map(({ detail }) => detail)];
}

/** Videos in the storage that a task says it has. */
export async function missingVideos(world: WorkerWorld, batch: TestBatch): Promise<number[]> {
  const missing: number[] = [];
  for (const { task_index: index, state, video_key: key } of await taskRows(world, batch)) {
    if (state === 'succeeded' && (key === null || (await world.storage.size(key)) === null)) missing.push(index);
  }
  return missing;
}

/** A database that a stopped process does not reach: its statements wait until it goes on. */
export function stoppable(db: Database): { readonly db: Database; stop(): void; goOn(): void } {
  let stopped = Promise.resolve();
  let open: () => void = () => undefined;
  return {
    db: {
      ...db,
      async query(sql, values) {
        await stopped;
        return db.query(sql, values);
      },
    },
    stop() {
      stopped = new Promise((resolve) => (open = resolve));
    },
    goOn: () => open(),
  };
}

/** How often prompts were generated: {1} when nothing was paid for twice. */
export async function timesGenerated(world: WorkerWorld): Promise<Set<number>> {
  return new Set((await generationsByPrompt(world)).values());
}

/** Batches whose tasks take a route of this name. */
export function serviceOfRoute(world: WorkerWorld, route: string, timeoutMs = 20_000): BatchService {
  return createBatchService({
    db: world.db,
    random: systemRandom,
    routeFor: () => route,
    modelTimeoutMs: () => timeoutMs,
  });
}

export async function ledgerKinds(world: WorkerWorld, batch: TestBatch): Promise<Record<string, number>> {
  const rows = await world.db.query<{ kind: string; entries: number }>(
    'SELECT kind, count(*) AS entries FROM credit_ledger WHERE batch_id = $1 GROUP BY kind',
    [batch.batchUuid],
  );
  return Object.fromEntries(rows.map((row) => [row.kind, row.entries]));
}
