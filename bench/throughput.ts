/**
 * Tasks per second through claim, intent, submission, poll, storage and settlement with a ledger entry and an event each:
 * the real worker over a real PostgreSQL (fsync on), with an upstream and a storage in this process that do nothing.
 *
 *   node bench/throughput.ts [TASKS] [BATCH_SIZE] [ACCOUNTS] [CONCURRENCY]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { openEmbeddedPostgres } from '../packages/server/src/db/embedded/index.ts';
import { migrate, openDatabase, type Database } from '../packages/server/src/db/index.ts';
import type { HttpClient, VideoStorage } from '../packages/server/src/ports.ts';
import { createLogger, systemClock, systemRandom } from '../packages/server/src/system-ports.ts';
import type { Upstream } from '../packages/server/src/upstreams/index.ts';
import { startWorker } from '../packages/server/src/worker/index.ts';

const [tasks = 20_000, batchSize = 1_000, accounts = 10, concurrency = 2_000] = process.argv.slice(2).map(Number);
const logger = createLogger('error');
const clip = Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from('ftypisom'), Buffer.alloc(4)]);

const upstream: Upstream = {
  name: 'bench',
  capabilities: { lookup: false, cancel: false, pollMany: false, callbacks: false, resultLifetimeMs: 3_600_000 },
  submit: (generation) => Promise.resolve({ kind: 'accepted', upstreamId: generation.token }),
  poll: () => Promise.resolve({ kind: 'succeeded', videoUrl: 'http://localhost/' }),
};
const http: HttpClient = {
  request: () => Promise.reject(new Error('not used')),
  stream: () => Promise.resolve({ status: 200, headers: {}, body: Readable.from([clip]) }),
};
const storage: VideoStorage & { freeBytes(): Promise<number> } = {
  put: async (key, content) => {
    let bytes = 0;
    for await (const chunk of content) bytes += (chunk as Buffer).length;
    return { key, bytes, sha256: Buffer.alloc(32), contentType: 'video/mp4' };
  },
  read: () => Promise.reject(new Error('not used')),
  size: () => Promise.resolve(null),
  remove: () => Promise.resolve(),
  freeBytes: () => Promise.resolve(Number.MAX_SAFE_INTEGER),
};

async function seed(db: Database): Promise<void> {
  const accountIds = Array.from({ length: accounts }, () => systemRandom.uuid());
  await db.query(
    `INSERT INTO accounts (account_id, name, plan, mode, rate_limit_per_min, max_concurrent_tasks, weight, created_at)
     SELECT a, 'bench', 'enterprise', 'live', 100, 1000000, 1, rushes_now() FROM unnest($1::uuid[]) a`,
    [accountIds],
  );
  for (const accountId of accountIds) {
    await db.query('SELECT open_account($1)', [accountId]);
    await db.query(`SELECT issue_credits($1, 'grant', 1000000000, 'bench', 'bench')`, [accountId]);
  }
  for (let at = 0; at * batchSize < tasks; at += 1) {
    const accountId = accountIds[at % accounts] ?? '';
    const batchId = systemRandom.uuid();
    await db.query(
      `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
       VALUES ($1, $2, $3, '\\x00', 'sora-2', $4, 49, '{}', rushes_now(), rushes_now() + interval '1 day')`,
      [accountId, batchId, batchId, batchSize],
    );
    await db.query(
      `INSERT INTO tasks (account_id, batch_id, task_index, prompt)
       SELECT $1, $2, n, 'a lighthouse in the fog, the camera slowly circling it, take ' || n FROM generate_series(0, $3 - 1) n`,
      [accountId, batchId, batchSize],
    );
    await db.query(
      `INSERT INTO batch_schedule (account_id, batch_id, route, total, timeout_ms, created_at, deadline_at)
       VALUES ($1, $2, 'bench', $3, 600000, rushes_now(), rushes_now() + interval '1 day')`,
      [accountId, batchId, batchSize],
    );
    await db.query('SELECT freeze_credits_for_batch($1, $2)', [accountId, batchId]);
  }
  await db.query('ANALYZE');
}

const dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
const postgres = await openEmbeddedPostgres({ dataDir, logger });
try {
  await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
  const open = (url: string): Database =>
    openDatabase({ url, applicationName: 'bench', maxConnections: 8, onConnectionError: () => undefined });
  const admin = open(postgres.adminUrl);
  const db = open(postgres.appUrl);
  await seed(admin);
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const worker = await startWorker({
    workerId: systemRandom.uuid(),
    db,
    clock: systemClock,
    random: systemRandom,
    logger,
    http,
    storage,
    routes: [
      {
        name: 'bench',
        upstream,
        maxConcurrentTasks: 1_000_000,
        upstreamModel: (model) => model,
        pollIntervalMs: [1, 1],
        retry: { maxFailures: 3, baseDelayMs: 100, maxDelayMs: 1_000 },
        unknownWaitMs: 1_000,
      },
    ],
    concurrency,
    leaseMs: 30_000,
    dispatchIntervalMs: 50,
    tokenFor: (task, attempt) => `${task.batchId}-${task.index}-${attempt}`,
    deadWorkers: () => Promise.resolve([]),
  });
  for (;;) {
    const [left] = await db.query<{ batches: number }>(
      'SELECT count(*) AS batches FROM batches WHERE finished_at IS NULL',
    );
    if (left?.batches === 0) break;
    await systemClock.sleep(20);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  await worker.stop();
  const [entries] = await admin.query<{ entries: number }>(
    `SELECT count(*) AS entries FROM credit_ledger WHERE kind = 'charge'`,
  );
  const violations = await admin.query('SELECT * FROM ledger_violations');
  if (entries?.entries !== tasks || violations.length > 0)
    throw new Error('the books do not add up: the figure is worth nothing');
  console.log(
    `${tasks} tasks in batches of ${batchSize} over ${accounts} accounts, ${concurrency} in flight, ${cpus().length} cores`,
  );
  console.log(
    `${Math.round(tasks / seconds)} tasks a second (${seconds.toFixed(2)} s), worker process ${((cpu.user + cpu.system) / 1e6).toFixed(1)} CPU s`,
  );
  await db.close();
  await admin.close();
} finally {
  await postgres.close();
  rmSync(dataDir, { recursive: true, force: true });
}
