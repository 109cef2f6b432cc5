/**
 * How long after an upstream's answer its refund can be seen, while the worker has as much to do as it can: every fifth
 * result is refused by moderation. A connection of its own looks for new ledger entries every 10 ms, so the figure holds the
 * commit, up to 10 ms more, and the way to a reader.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { AccountUuid } from '@rushes/contract';
import { checkBooks } from './engine-books.ts';
import type { Cluster } from './engine-cluster.ts';
import type { Options } from './engine-options.ts';
import { format, percentile, printTable } from './engine-report.ts';
import { begin } from './engine-run.ts';
import { seedAccounts, seedBatches } from './engine-seed.ts';
import type { WorkerReport, WorkerSettings } from './engine-worker.ts';

const FAIL_EVERY = 5;
const BATCH = 1_000;
const LOOK_INTERVAL_MS = 10;

export async function measureRefunds(cluster: Cluster, options: Options): Promise<void> {
  const rows: string[][] = [];
  for (const generationMs of [0, options.generationMs]) {
    const concurrency = generationMs === 0 ? options.concurrency : options.slowConcurrency;
    const { delaysMs, rate, load } = await refundDelays(cluster, options, generationMs, concurrency);
    rows.push([
      generationMs === 0 ? 'instant' : `${generationMs / 1_000} s`,
      format(concurrency, 0),
      format(rate, 0),
      format(delaysMs.length, 0),
      format(percentile(delaysMs, 0.5), 0),
      format(percentile(delaysMs, 0.99), 0),
      format(Math.max(...delaysMs), 0),
      load.toFixed(2),
    ]);
  }
  printTable(
    'g) from the refusing answer to the refund that another connection sees (aim: visible within a second)',
    ['upstream', 'in flight', 'tasks/s', 'refunds', 'median ms', '99 % ms', 'longest ms', 'load before'],
    rows,
  );
}

async function refundDelays(
  cluster: Cluster,
  options: Options,
  generationMs: number,
  concurrency: number,
): Promise<{ delaysMs: number[]; rate: number; load: number }> {
  const database = await cluster.createMigrated(`bench_refunds_${generationMs}`);
  const observer = new pg.Client({ connectionString: database.adminUrl });
  await observer.connect();
  try {
    const accountUuids = await seedAccounts(database.adminUrl, options.accounts);
    const batchUuids = await seedBatches(database.adminUrl, accountUuids, options.tasks, BATCH);
    await cluster.settle(database);
    const settings: WorkerSettings = {
      url: database.appUrl,
      concurrency,
      generationMs,
      failEvery: FAIL_EVERY,
      recordSubmissions: false,
    };
    const running = await begin<WorkerReport>({
      cluster,
      file: 'engine-worker.ts',
      settings,
      label: `refunds ${generationMs}`,
      profileDir: options.profileDir,
    });
    const seenAtMs = new Map<string, number>();
    const seen = new Map(accountUuids.map((accountUuid) => [accountUuid, 0]));
    const watching = { isOver: false };
    const finished = running.finished.finally(() => (watching.isOver = true));
    finished.catch(() => undefined);
    for (let isLast = false; !isLast;) {
      isLast = watching.isOver;
      await look(observer, seen, seenAtMs);
      if (!isLast) await sleep(LOOK_INTERVAL_MS);
    }
    const run = await finished;
    const tasks = batchUuids.length * BATCH;
    await checkBooks(database.adminUrl, accountUuids, {
      batchUuids,
      charged: tasks - tasks / FAIL_EVERY,
      refunded: tasks / FAIL_EVERY,
    });
    const delaysMs = run.report.failures.map(([id, answeredAtMs]) => (seenAtMs.get(id) ?? Number.NaN) - answeredAtMs);
    if (delaysMs.length !== tasks / FAIL_EVERY || delaysMs.some(Number.isNaN)) {
      throw new Error('not every refund was seen');
    }
    return { delaysMs, rate: tasks / run.seconds, load: run.loadBefore };
  } finally {
    await observer.end();
    await cluster.drop(database);
  }
}

/** Takes down the refunds that became visible since the last look. `seen` holds each account's last entry. */
async function look(observer: pg.Client, seen: Map<string, number>, seenAtMs: Map<string, number>): Promise<void> {
  const { rows } = await observer.query<{ account_id: AccountUuid; last: string; refunds: string[] | null }>(
    `SELECT w.account_id, max(l.seq) AS last,
       array_agg(l.batch_id || ':' || l.task_index) FILTER (WHERE l.kind = 'refund') AS refunds
     FROM unnest($1::uuid[], $2::bigint[]) AS w(account_id, seq)
     JOIN credit_ledger l ON l.account_id = w.account_id AND l.seq > w.seq GROUP BY 1`,
    [[...seen.keys()], [...seen.values()]],
  );
  const nowMs = Date.now();
  for (const { account_id: accountUuid, last, refunds } of rows) {
    seen.set(accountUuid, Number(last));
    for (const id of refunds ?? []) seenAtMs.set(id, nowMs);
  }
}
