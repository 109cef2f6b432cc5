/**
 * What webhooks cost and whom they delay, over a real PostgreSQL (fsync on) and real HTTP on loopback, with the receivers
 * in a process of their own and the delivery loops in this one:
 *
 *   deliveries  deliveries per second that one worker sustains to one quick receiver with 8 endpoints
 *   delay       how late 40 healthy endpoints get their events, without and with 10 others that hang for ever
 *   settling    tasks settled per second with no endpoint, with endpoints whose receivers are dead (connection refused), and
 *               with endpoints whose receivers hang, interleaved in one run
 *
 *   node bench/webhooks.ts [deliveries|delay|settling] [repetitions]
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AccountUuid } from '@rushes/contract';
import { createAccount } from '../packages/server/src/accounts/index.ts';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { openDatabase, type Database } from '../packages/server/src/db/index.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { createEgressGuard } from '../packages/server/src/outbound/index.ts';
import { createLogger, systemClock, systemRandom } from '../packages/server/src/system/index.ts';
import {
  createSecretSealer,
  createWebhookSender,
  insertEndpoint,
  prepareEndpoint,
  startDelivery,
} from '../packages/server/src/webhooks/index.ts';

const what = process.argv[2] ?? 'all';
const repetitions = Number(process.argv[3] ?? '3');
const logger = createLogger('error');
const sealer = createSecretSealer({ key: randomBytes(32), random: systemRandom });
const guard = createEgressGuard({
  allowCidrs: ['127.0.0.0/8'],
  development: false,
  resolver: () => Promise.reject(new Error('no names here')),
});

interface Report {
  readonly ok: number;
  readonly hang: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

async function startReceiver() {
  const child = spawn(process.execPath, [fileURLToPath(new URL('webhook-receiver.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
  const port = Number(await next());
  const ask = async (line: string): Promise<Report> => {
    const answer = next();
    child.stdin.write(`${line}\n`);
    return JSON.parse(await answer) as Report;
  };
  return {
    url: (kind: 'ok' | 'hang') => `http://127.0.0.1:${port}/${kind}`,
    report: () => ask('report'),
    reset: () => ask('reset'),
    close: () => child.kill('SIGKILL'),
  };
}

async function addEndpoints(db: Database, accountUuid: AccountUuid, url: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const prepared = await prepareEndpoint(
      { random: systemRandom, sealer, guard },
      { accountUuid, url, description: null, events: [] },
    );
    if (!prepared.ok) throw new Error(prepared.refusal.detail);
    await db.transaction((tx) => insertEndpoint(tx, prepared.value));
  }
}

const newAccount = (db: Database): Promise<AccountUuid> =>
  createAccount(db, systemRandom, { name: 'bench', plan: 'enterprise', mode: 'live' });

function deliver(db: Database) {
  const sender = createWebhookSender({ guard, clock: systemClock });
  const delivery = startDelivery({ db, clock: systemClock, random: systemRandom, logger, sealer, sender });
  return async (): Promise<void> => {
    const closed = sender.close();
    await delivery.stop();
    await closed;
  };
}

const appendEvents = (db: Database, accountUuid: AccountUuid, count: number): Promise<unknown> =>
  db.query(
    `SELECT append_event($1, 'webhook.test', NULL, NULL, NULL, jsonb_build_object('number', g)) FROM generate_series(1, $2::integer) g`,
    [accountUuid, count],
  );

/** Every measurement has a database of its own, so that none finds another one's rows. */
async function withServer<T>(
  use: (db: Database, receiver: Awaited<ReturnType<typeof startReceiver>>) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
  const postgres = await openEmbeddedPostgres({ dataDir, logger });
  const receiver = await startReceiver();
  try {
    await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
    const db = openDatabase({
      url: postgres.adminUrl,
      applicationName: 'bench',
      maxConnections: 8,
      onConnectionError: () => undefined,
    });
    const result = await use(db, receiver);
    await db.close();
    return result;
  } finally {
    receiver.close();
    await postgres.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function measureDeliveries(): Promise<number> {
  const [events, endpoints] = [2_000, 8];
  return withServer(async (db, receiver) => {
    const accountUuid = await newAccount(db);
    await addEndpoints(db, accountUuid, receiver.url('ok'), endpoints);
    const stop = deliver(db);
    await appendEvents(db, accountUuid, 200);
    while ((await receiver.report()).ok < 200 * endpoints) await systemClock.sleep(20);
    await receiver.reset();
    const started = performance.now();
    await appendEvents(db, accountUuid, events);
    for (;;) {
      const [left] = await db.query<{ delivered: number }>(
        `SELECT count(*) AS delivered FROM webhook_deliveries WHERE state = 'delivered'`,
      );
      if (left?.delivered === (events + 200) * endpoints) break;
      await systemClock.sleep(20);
    }
    const seconds = (performance.now() - started) / 1_000;
    await stop();
    return (events * endpoints) / seconds;
  });
}

/**
 * 4 events a second for 10 s to each of 5 accounts with 8 healthy endpoints, and 2 or none that hang: 160 deliveries a
 * second to the healthy ones, well below what the worker sustains, so that delay is delay and not a queue.
 */
async function measureDelay(hanging: boolean): Promise<Report> {
  const [accounts, rounds, intervalMs] = [5, 40, 250];
  return withServer(async (db, receiver) => {
    const ids: AccountUuid[] = [];
    for (let at = 0; at < accounts; at += 1) {
      const accountUuid = await newAccount(db);
      ids.push(accountUuid);
      await addEndpoints(db, accountUuid, receiver.url('ok'), 8);
      if (hanging) await addEndpoints(db, accountUuid, receiver.url('hang'), 2);
    }
    const stop = deliver(db);
    await Promise.all(ids.map((id) => appendEvents(db, id, 5)));
    while ((await receiver.report()).ok < 5 * 8 * accounts) await systemClock.sleep(20);
    await receiver.reset();
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all([systemClock.sleep(intervalMs), ...ids.map((id) => appendEvents(db, id, 1))]);
    }
    const wanted = rounds * 8 * accounts;
    for (;;) {
      const report = await receiver.report();
      if (report.ok > wanted) throw new Error(`${report.ok} deliveries of ${wanted}: the figure is worth nothing`);
      if (report.ok === wanted) {
        await stop();
        return report;
      }
      await systemClock.sleep(20);
    }
  });
}

const SETTLED = 20_000;
const PER_SETTLEMENT = 100;

/**
 * Tasks settled per second by settle_tasks, 100 a call on two connections, with the delivery loops at work beside it. The
 * receivers are those of two endpoints of each account.
 */
async function measureSettling(receivers: 'none' | 'dead' | 'hanging'): Promise<number> {
  return withServer(async (db, receiver) => {
    const perAccount = SETTLED / 2;
    const accounts = [await newAccount(db), await newAccount(db)];
    const batches: [string, string][] = [];
    for (const accountUuid of accounts) {
      if (receivers !== 'none') {
        // Port 9 (discard) is refused at once where nobody listens.
        const url = receivers === 'dead' ? 'http://127.0.0.1:9/' : receiver.url('hang');
        await addEndpoints(db, accountUuid, url, 2);
      }
      const batchUuid = systemRandom.uuid();
      const ids = [accountUuid, batchUuid];
      await db.query(`SELECT issue_credits($1, 'grant', 100000000, 'bench', 'bench')`, [accountUuid]);
      await db.query(
        `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
         VALUES ($1, $2, 'bench', '\\x00', 'sora-2', $3, 49, '{}', rushes_now(), rushes_now() + interval '1 day')`,
        [...ids, perAccount],
      );
      await db.query(
        `INSERT INTO tasks (account_id, batch_id, task_index, prompt) SELECT $1, $2, n, 'a prompt' FROM generate_series(0, $3 - 1) n`,
        [...ids, perAccount],
      );
      await db.query(
        `INSERT INTO batch_schedule (account_id, batch_id, route, total, timeout_ms, created_at, deadline_at)
         VALUES ($1, $2, 'bench', $3, 600000, rushes_now(), rushes_now() + interval '1 day')`,
        [...ids, perAccount],
      );
      await db.query('SELECT freeze_credits_for_batch($1, $2)', ids);
      await db.query('SELECT start_batches(ARRAY[$1::uuid], ARRAY[$2::uuid])', ids);
      await db.query(
        `UPDATE tasks SET state = 'running', fence = 1, attempt = 1, upstream_id = 'u-' || task_index,
           submitted_at = rushes_now(), timeout_at = rushes_now() + interval '10 minutes'
         WHERE account_id = $1 AND batch_id = $2`,
        ids,
      );
      batches.push([accountUuid, batchUuid]);
    }
    await db.query('ANALYZE');
    const stop = deliver(db);
    await systemClock.sleep(1_000);
    const started = performance.now();
    await Promise.all(
      batches.map(async ([accountUuid, batchUuid]) => {
        for (let from = 0; from < perAccount; from += PER_SETTLEMENT) {
          const each = <V>(value: V): V[] => Array.from({ length: PER_SETTLEMENT }, () => value);
          await db.query('SELECT * FROM settle_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)', [
            [accountUuid],
            [batchUuid],
            [1],
            each(1),
            Array.from({ length: PER_SETTLEMENT }, (_, at) => from + at),
            each('failed'),
            each('provider_error'),
            each(null),
            each(null),
            each(null),
            each(null),
            each(null),
            each(null),
          ]);
        }
      }),
    );
    const seconds = (performance.now() - started) / 1_000;
    const [settled] = await db.query<{ refunds: number; violations: number }>(
      `SELECT (SELECT count(*) FROM credit_ledger WHERE kind = 'refund') AS refunds, (SELECT count(*) FROM ledger_violations) AS violations`,
    );
    if (settled?.refunds !== SETTLED || settled.violations > 0) throw new Error('the books do not add up');
    await stop();
    return SETTLED / seconds;
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const shown = (values: readonly number[]): string => values.map((value) => Math.round(value)).join(', ');

console.log(`${cpus().length} cores, ${repetitions} repetitions, medians; every value in parentheses`);
if (what === 'deliveries' || what === 'all') {
  const rates: number[] = [];
  for (let at = 0; at < repetitions; at += 1) rates.push(await measureDeliveries());
  console.log(`deliveries a second: ${Math.round(median(rates))} (${shown(rates)})`);
}
if (what === 'delay' || what === 'all') {
  const [without, beside]: [Report[], Report[]] = [[], []];
  for (let at = 0; at < repetitions; at += 1) {
    without.push(await measureDelay(false));
    beside.push(await measureDelay(true));
  }
  for (const [name, reports] of [
    ['alone', without],
    ['beside 10 that hang', beside],
  ] as const) {
    const of = (field: 'p50' | 'p95' | 'max'): string => {
      const values = reports.map((report) => report[field] ?? Number.NaN);
      return `${field} ${median(values)} ms (${shown(values)})`;
    };
    console.log(`delay of 40 healthy endpoints ${name}: ${of('p50')}, ${of('p95')}, ${of('max')}`);
  }
}
if (what === 'settling' || what === 'all') {
  const kinds = ['none', 'dead', 'hanging'] as const;
  const rates: Record<(typeof kinds)[number], number[]> = { none: [], dead: [], hanging: [] };
  for (let at = 0; at < repetitions; at += 1) for (const kind of kinds) rates[kind].push(await measureSettling(kind));
  const base = median(rates.none);
  for (const kind of kinds) {
    const rate = median(rates[kind]);
    console.log(
      `tasks settled a second, receivers ${kind}: ${Math.round(rate)} (${shown(rates[kind])}), ratio ${(rate / base).toFixed(2)}`,
    );
  }
}
