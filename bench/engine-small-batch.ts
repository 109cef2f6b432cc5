/**
 * How long a batch of 10 tasks waits when another account's ten huge batches hold every slot: until its first and its last
 * submission, beside the time until the first slot became free and the mean time between two that do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { BatchUuid } from '@rushes/contract';
import type { Cluster } from './engine-cluster.ts';
import type { Options } from './engine-options.ts';
import { format, formatSpread, printTable } from './engine-report.ts';
import { begin } from './engine-run.ts';
import { seedAccounts, seedBatches } from './engine-seed.ts';
import type { WorkerReport, WorkerSettings } from './engine-worker.ts';

const HUGE_BATCHES = 10;
const SMALL_BATCH = 10;
const SMALL_BATCHES = 15;
const LOOK_INTERVAL_MS = 10;
const GIVE_UP_MS = 120_000;

export async function measureSmallBatch(cluster: Cluster, options: Options): Promise<void> {
  const database = await cluster.createMigrated('bench_small_batch');
  const observer = new pg.Client({ connectionString: database.adminUrl });
  await observer.connect();
  const until = async (sql: string, values: readonly unknown[]): Promise<void> => {
    const deadline = performance.now() + GIVE_UP_MS;
    while ((await observer.query(sql, [...values])).rowCount === 0) {
      if (performance.now() > deadline) throw new Error(`the worker did not get there: ${sql}`);
      await sleep(LOOK_INTERVAL_MS);
    }
  };
  try {
    const [hugeAccount, ...smallAccounts] = await seedAccounts(database.adminUrl, 1 + SMALL_BATCHES);
    if (hugeAccount === undefined) throw new Error('no account was made');
    await seedBatches(database.adminUrl, [hugeAccount], HUGE_BATCHES * options.hugeBatchSize, options.hugeBatchSize);
    await cluster.settle(database);
    const settings: WorkerSettings = {
      url: database.appUrl,
      concurrency: options.concurrency,
      generationMs: options.generationMs,
      failEvery: 0,
      recordSubmissions: true,
    };
    const running = await begin<WorkerReport>({
      cluster,
      file: 'engine-worker.ts',
      settings,
      label: 'small batch',
      profileDir: options.profileDir,
    });
    await until(`SELECT 1 FROM tasks WHERE finished_at IS NOT NULL LIMIT 1`, []);
    const small: { batchUuid: BatchUuid; createdAtMs: number }[] = [];
    for (const accountUuid of smallAccounts) {
      // Not in step with the waves in which the first tasks end.
      await sleep(options.generationMs * (0.2 + Math.random() * 0.3));
      const [batchUuid] = await seedBatches(database.adminUrl, [accountUuid], SMALL_BATCH, SMALL_BATCH);
      if (batchUuid === undefined) throw new Error('no batch was made');
      small.push({ batchUuid, createdAtMs: Date.now() });
      await until(
        `SELECT 1 FROM tasks WHERE account_id = $1 AND batch_id = $2 AND submitted_at IS NOT NULL HAVING count(*) = ${SMALL_BATCH}`,
        [accountUuid, batchUuid],
      );
    }
    running.stop();
    const { report, loadBefore } = await running.finished;
    const { rows } = await observer.query<{ at: Date }>(
      'SELECT finished_at AS at FROM tasks WHERE finished_at IS NOT NULL ORDER BY 1',
    );
    const freed = rows.map(({ at }) => at.getTime());
    const waits = small.map(({ batchUuid, createdAtMs }) => waitOf(batchUuid, createdAtMs, report.submissions, freed));
    const free = ((freed.at(-1) ?? Number.NaN) - (freed[0] ?? Number.NaN)) / freed.length;
    printTable(
      `f) a batch of 10 beside ${HUGE_BATCHES} of ${format(options.hugeBatchSize, 0)}, ${format(options.concurrency, 0)} slots all taken, ` +
        `generations of ${options.generationMs} ms, ${SMALL_BATCHES} times, load ${loadBefore.toFixed(2)}`,
      ['', 'median (smallest-largest)'],
      [
        [
          'first submission after, ms',
          formatSpread(
            waits.map(({ firstMs }) => firstMs),
            0,
          ),
        ],
        [
          'last submission after, ms',
          formatSpread(
            waits.map(({ lastMs }) => lastMs),
            0,
          ),
        ],
        [
          'first slot free after, ms',
          formatSpread(
            waits.map(({ freeMs }) => freeMs),
            0,
          ),
        ],
        [
          'tasks of the huge batches submitted before its last',
          formatSpread(
            waits.map(({ overtaken }) => overtaken),
            0,
          ),
        ],
        ['mean time between two slots that become free, ms', format(free, 2)],
      ],
    );
  } finally {
    await observer.end();
    await cluster.drop(database);
  }
}

interface Wait {
  readonly firstMs: number;
  readonly lastMs: number;
  /** From its creation to the first end of any task after it. */
  readonly freeMs: number;
  /** Tasks of others that were submitted after its creation and before its last. */
  readonly overtaken: number;
}

function waitOf(
  batchUuid: BatchUuid,
  createdAtMs: number,
  submissions: WorkerReport['submissions'],
  freed: readonly number[],
): Wait {
  const own = submissions.filter(([id]) => id.startsWith(`${batchUuid}:`)).map(([, atMs]) => atMs);
  if (own.length !== SMALL_BATCH) throw new Error(`${own.length} submissions of a batch of ${SMALL_BATCH}`);
  const lastMs = Math.max(...own);
  return {
    firstMs: Math.min(...own) - createdAtMs,
    lastMs: lastMs - createdAtMs,
    freeMs: (freed.find((atMs) => atMs > createdAtMs) ?? Number.NaN) - createdAtMs,
    overtaken: submissions.filter(([id, atMs]) => !id.startsWith(batchUuid) && atMs > createdAtMs && atMs < lastMs)
      .length,
  };
}
