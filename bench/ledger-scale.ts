/**
 * What a large ledger costs: the check of the whole ledger, and exports over HTTP to a fast and to a slow reader, each with the
 * peak memory of its process. A real server on a real PostgreSQL.
 *
 *   node bench/ledger-scale.ts [ENTRIES]
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accountIds, type AccountUuid } from '@rushes/contract';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { openDatabase, type Database } from '../packages/server/src/db/index.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { createLogger, systemRandom } from '../packages/server/src/system/index.ts';

const entries = Number(process.argv[2] ?? 1_000_000);
const BATCH = 2_000;
const main = path.resolve(import.meta.dirname, '../packages/server/src/main.ts');

/** One account whose batches are all settled: a reserve and a resolution per task. */
async function seed(admin: Database): Promise<AccountUuid> {
  const accountUuid = accountIds.newUuid(systemRandom);
  await admin.query(
    `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
     VALUES ($1, 'bench', 'enterprise', 'live', '{"max_concurrent_tasks": 1000000, "weight": 1}', rushes_now())`,
    [accountUuid],
  );
  await admin.query('SELECT open_account($1)', [accountUuid]);
  await admin.query(`SELECT issue_credits($1, 'grant', 1000000000, 'bench', 'bench')`, [accountUuid]);
  for (let at = 0; at * BATCH < entries; at += 1) {
    const batchUuid = systemRandom.uuid();
    await admin.query(
      `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
       VALUES ($1, $2::uuid, $2::text, '\\x00', 'sora-2', $3, 49, '{}', rushes_now(), rushes_now() + interval '1 day')`,
      [accountUuid, batchUuid, BATCH],
    );
    await admin.query(
      `INSERT INTO tasks (account_id, batch_id, task_index, prompt) SELECT $1, $2, i, 'a prompt' FROM generate_series(0, $3 - 1) i`,
      [accountUuid, batchUuid, BATCH],
    );
    await admin.query('SELECT freeze_credits_for_batch($1, $2)', [accountUuid, batchUuid]);
    await admin.query(
      `UPDATE tasks SET state = 'running', fence = 1, attempt = 1, upstream_id = 'u', submitted_at = rushes_now(),
         timeout_at = rushes_now() + interval '1 day' WHERE account_id = $1 AND batch_id = $2`,
      [accountUuid, batchUuid],
    );
    await admin.query(
      `SELECT count(*) FROM (SELECT settle_tasks(ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[1::bigint], array_agg(1), array_agg(i),
         array_agg(CASE WHEN i % 10 = 0 THEN 'failed' ELSE 'succeeded' END::text),
         array_agg(CASE WHEN i % 10 = 0 THEN 'provider_error'::text END), array_agg(NULL::text), array_agg('u'::text),
         array_agg(CASE WHEN i % 10 <> 0 THEN 'k'::text END), array_agg(CASE WHEN i % 10 <> 0 THEN 1::bigint END),
         array_agg(CASE WHEN i % 10 <> 0 THEN '\\x${'00'.repeat(32)}'::bytea END),
         array_agg(CASE WHEN i % 10 <> 0 THEN 'video/mp4'::text END))
       FROM generate_series(0, $3 - 1) i) s`,
      [accountUuid, batchUuid, BATCH],
    );
  }
  await admin.query('VACUUM ANALYZE');
  return accountUuid;
}

function peakMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024);
}

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
}

async function startServer(env: NodeJS.ProcessEnv): Promise<{ process: ChildProcess; pid: number; url: string }> {
  const server = spawn(process.execPath, [main, 'start', '--port', '0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of server.stdout) {
    said += String(chunk);
    const url = /ready at (\S+)/.exec(said)?.[1];
    if (url !== undefined && server.pid !== undefined) return { process: server, pid: server.pid, url };
  }
  throw new Error('the server did not start');
}

/** Reads an export, `pauseMs` after every megabyte, and says what the server's memory was on the way. */
async function readExport(url: string, key: string, pid: number, format: string, pauseMs: number): Promise<void> {
  const startedMs = performance.now();
  const response = await fetch(`${url}/v1/ledger/export?format=${format}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  let bytes = 0;
  let sincePause = 0;
  const memory: number[] = [residentMb(pid)];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    sincePause += chunk.length;
    if (sincePause < 1e6) continue;
    sincePause = 0;
    memory.push(residentMb(pid));
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(
    `export ${format.padEnd(5)} ${pauseMs === 0 ? 'fast' : 'slow'} reader: ${Math.round(bytes / 1e6)} MB in ${seconds.toFixed(1)} s; server ${memory[0]} MB before, ${Math.max(...memory)} MB at most`,
  );
}

const folder = mkdtempSync(path.join(tmpdir(), 'rushes-scale-'));
const dataDir = path.join(folder, 'data');
const postgres = await openEmbeddedPostgres({ dataDir, logger: createLogger('error') });
try {
  await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
  const admin = openDatabase({
    url: postgres.adminUrl,
    applicationName: 'bench',
    maxConnections: 2,
    onConnectionError: () => undefined,
  });
  const seededMs = performance.now();
  const accountUuid = await seed(admin);
  console.log(`${entries} tasks settled in ${((performance.now() - seededMs) / 1_000).toFixed(0)} s`);
  const env = {
    ...process.env,
    RUSHES_DATA_DIR: dataDir,
    RUSHES_LOG_LEVEL: 'error',
    DATABASE_URL: postgres.appUrl,
    DATABASE_MIGRATION_URL: postgres.adminUrl,
    RUSHES_LEDGER_CHECK_INTERVAL_MS: '604800000',
  };
  // Not due: the check is measured by itself below.
  await admin.query('UPDATE ledger_sealer SET checked_at = rushes_now()');
  const made = spawnSync(
    process.execPath,
    [main, 'key', 'create', '--account', accountIds.format(accountUuid), '--name', 'bench', '--json'],
    { env },
  );
  const key = (JSON.parse(made.stdout.toString()) as { api_key: string }).api_key;
  const server = await startServer(env);
  const sealStartMs = performance.now();
  for (;;) {
    const [row] = await admin.query<{ left: number }>(
      'SELECT c.last_seq - coalesce(t.size, 0) AS left FROM credit_accounts c LEFT JOIN ledger_trees t USING (account_id)',
    );
    if (row?.left === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  console.log(
    `sealed in ${((performance.now() - sealStartMs) / 1_000).toFixed(1)} s; server at most ${peakMb(server.pid)} MB so far`,
  );
  for (const format of ['csv', 'json', 'jsonl']) await readExport(server.url, key, server.pid, format, 0);
  await readExport(server.url, key, server.pid, 'csv', 20);
  server.process.kill('SIGTERM');
  await once(server.process, 'exit');
  const checkStartMs = performance.now();
  const check = spawn(process.execPath, [main, 'ledger', 'check'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  let peak = 0;
  const sampling = setInterval(() => {
    if (check.pid !== undefined && check.exitCode === null) peak = Math.max(peak, residentMb(check.pid));
  }, 100);
  await once(check, 'exit');
  clearInterval(sampling);
  console.log(`ledger check in ${((performance.now() - checkStartMs) / 1_000).toFixed(1)} s, at most ${peak} MB`);
  await admin.close();
} finally {
  await postgres.close();
  rmSync(folder, { recursive: true, force: true });
}
