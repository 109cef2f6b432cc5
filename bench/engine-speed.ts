/** Tasks a second and their processor time, ours and the peers', interleaved in rounds. */
import type { AccountUuid } from '@rushes/contract';
import { checkBooks } from './engine-books.ts';
import type { BenchDatabase, Cluster } from './engine-cluster.ts';
import type { Options } from './engine-options.ts';
import { format, formatSpread, printTable, spread } from './engine-report.ts';
import { perform, type Run } from './engine-run.ts';
import { seedAccounts, seedBatches, seedHistory } from './engine-seed.ts';
import type { WorkerReport, WorkerSettings } from './engine-worker.ts';

/** One line of the table. Its database is made, filled and settled before the clock runs. */
interface Contest {
  readonly name: string;
  readonly isPeer: boolean;
  /** Whom this line is compared with: the better peer, or another line. */
  readonly against: 'peers' | string | null;
  readonly aim: number | null;
  once(): Promise<Run<unknown>>;
}

const BIG_BATCH = 1_000;
const SMALL_BATCH = 10;
/** History belongs to this many accounts, and the measured work is done in some of them. */
const HISTORY_ACCOUNTS = 100;

export async function compareSpeed(cluster: Cluster, options: Options): Promise<void> {
  const contests: Contest[] = [];
  if (options.sections.has('speed')) {
    contests.push(...ourContests(cluster, options));
    if (options.withPeers) contests.push(...(await peerContests(cluster, options)));
  }
  if (options.sections.has('history') && options.history > 0) contests.push(...(await onHistory(cluster, options)));

  if (contests.length === 0) return;
  const runs = new Map<Contest, Run<unknown>[]>(contests.map((contest) => [contest, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    // Another one begins each round, so that none always runs on what the same other one left.
    const order = contests.map((_, at) => contests[(at + round) % contests.length] as Contest);
    for (const contest of order) {
      const run = await contest.once();
      runs.get(contest)?.push(run);
      console.log(
        `round ${round + 1}, load ${run.loadBefore.toFixed(2)}: ${contest.name}: ${format(options.tasks / run.seconds, 0)} a second, ` +
          `process ${run.processCpuSeconds.toFixed(1)} s, PostgreSQL ${run.postgresCpuSeconds.toFixed(1)} s, ${run.residentMiB.toFixed(0)} MiB`,
      );
    }
  }
  printSpeed(contests, runs, options);
}

function printSpeed(
  contests: readonly Contest[],
  runs: ReadonlyMap<Contest, readonly Run<unknown>[]>,
  { tasks, rounds }: Options,
): void {
  const rates = (contest: Contest): number[] => (runs.get(contest) ?? []).map((run) => tasks / run.seconds);
  const median = (contest: Contest): number => spread(rates(contest)).median;
  const ratio = ({ against }: Contest): { value: number; of: string } | null => {
    if (against === null) return null;
    const rivals = contests.filter((other) => (against === 'peers' ? other.isPeer : other.name === against));
    const best = rivals.toSorted((a, b) => median(b) - median(a))[0];
    return best === undefined ? null : { value: median(best), of: best.name };
  };
  const per = 100_000 / tasks;
  const rows = contests.map((contest) => {
    const all = runs.get(contest) ?? [];
    const rival = ratio(contest);
    return [
      contest.name,
      formatSpread(rates(contest), 0),
      rival === null ? '' : `${(median(contest) / rival.value).toFixed(2)} x ${rival.of}`,
      contest.aim === null ? '' : contest.aim.toFixed(1),
      formatSpread(
        all.map((run) => run.processCpuSeconds * per),
        1,
      ),
      formatSpread(
        all.map((run) => run.postgresCpuSeconds * per),
        1,
      ),
      format(Math.max(...all.map((run) => run.residentMiB)), 0),
    ];
  });
  printTable(
    `${format(tasks, 0)} tasks a run, medians of ${rounds} interleaved rounds (smallest-largest)`,
    ['', 'tasks/s', 'ratio', 'aim', 'process CPU s/100,000', 'PostgreSQL CPU s/100,000', 'peak MiB'],
    rows,
  );
}

let databases = 0;
function freshName(): string {
  databases += 1;
  return `bench_${databases}`;
}

async function onFresh<T>(
  cluster: Cluster,
  create: (name: string) => Promise<BenchDatabase>,
  work: (database: BenchDatabase) => Promise<T>,
): Promise<T> {
  const database = await create(freshName());
  try {
    return await work(database);
  } finally {
    await cluster.drop(database);
  }
}

interface OurRun {
  readonly label: string;
  readonly accounts: number;
  readonly batchSize: number;
  readonly settings: Omit<WorkerSettings, 'url'>;
}

async function runOurs(
  cluster: Cluster,
  options: Options,
  database: BenchDatabase,
  accountUuids: readonly AccountUuid[],
  { label, batchSize, settings }: OurRun,
): Promise<Run<WorkerReport>> {
  const batchUuids = await seedBatches(database.adminUrl, accountUuids, options.tasks, batchSize);
  await cluster.settle(database);
  const run = await perform<WorkerReport>({
    cluster,
    file: 'engine-worker.ts',
    settings: { ...settings, url: database.appUrl },
    label,
    profileDir: options.profileDir,
  });
  await checkBooks(database.adminUrl, accountUuids, {
    batchUuids,
    charged: batchUuids.length * batchSize,
    refunded: 0,
  });
  return run;
}

function ourKinds(options: Options): readonly (OurRun & { aim: number | null })[] {
  const common = { failEvery: 0, recordSubmissions: false };
  const instant = { ...common, generationMs: 0, concurrency: options.concurrency };
  const slow = { ...common, generationMs: options.generationMs, concurrency: options.slowConcurrency };
  const seconds = `${options.generationMs / 1_000} s`;
  const { accounts, smallBatchAccounts } = options;
  return [
    { label: 'a) ours, batches of 1,000, instant', accounts, batchSize: BIG_BATCH, settings: instant, aim: 2 },
    { label: `a) ours, batches of 1,000, ${seconds}`, accounts, batchSize: BIG_BATCH, settings: slow, aim: 2 },
    {
      label: 'b) ours, batches of 10, instant',
      accounts: smallBatchAccounts,
      batchSize: SMALL_BATCH,
      settings: instant,
      aim: 1,
    },
    {
      label: `b) ours, batches of 10, ${seconds}`,
      accounts: smallBatchAccounts,
      batchSize: SMALL_BATCH,
      settings: slow,
      aim: 1,
    },
  ];
}

function ourContests(cluster: Cluster, options: Options): readonly Contest[] {
  return ourKinds(options).map((kind) => ({
    name: kind.label,
    isPeer: false,
    against: 'peers',
    aim: kind.aim,
    once: () =>
      onFresh(cluster, cluster.createMigrated, async (database) => {
        const accountUuids = await seedAccounts(database.adminUrl, kind.accounts);
        return runOurs(cluster, options, database, accountUuids, kind);
      }),
  }));
}

/** Ours on a database full of finished tasks, against the same beginning with an empty one. */
async function onHistory(cluster: Cluster, options: Options): Promise<readonly Contest[]> {
  const database = await cluster.createMigrated('bench_history');
  const startedMs = performance.now();
  const say = (what: string): void =>
    console.log(`history after ${((performance.now() - startedMs) / 1_000).toFixed(0)} s: ${what}`);
  say(`seeding ${format(options.history, 0)} finished tasks`);
  const accountUuids = await seedAccounts(
    database.adminUrl,
    Math.max(options.accounts, Math.min(HISTORY_ACCOUNTS, Math.floor(options.history / BIG_BATCH))),
  );
  let told = 0;
  await seedHistory(database.adminUrl, accountUuids, options.history, (done) => {
    if (done - told < options.history / 20) return;
    told = done;
    say(`${format(done, 0)} finished tasks`);
  });
  await cluster.settle(database);
  say('vacuumed and analyzed');
  const ours = ourKinds(options)
    .filter(({ batchSize }) => batchSize === BIG_BATCH)
    .map((kind): Contest => {
      const label = `${kind.label.replace('a)', 'c)')}, ${format(options.history, 0)} finished`;
      return {
        name: label,
        isPeer: false,
        against: kind.label,
        aim: 0.9,
        once: () => runOurs(cluster, options, database, accountUuids.slice(0, kind.accounts), { ...kind, label }),
      };
    });
  return options.withPeers ? [...ours, await pgBossOnHistory(cluster, options, say)] : ours;
}

type PeerRun = (database: BenchDatabase, file: string, label: string, settings: object) => Promise<Run<unknown>>;

function runPeer(cluster: Cluster, { tasks, profileDir }: Options): PeerRun {
  return async (database, file, label, settings) => {
    await cluster.settle(database);
    return perform({
      cluster,
      file,
      settings: { ...settings, url: database.adminUrl, jobs: tasks },
      label,
      profileDir,
    });
  };
}

const PG_BOSS_FILE = 'peers/pg-boss.ts';
const PG_BOSS_SETTINGS = { batchSize: 2_000 };

/** A rival of nobody, but worth knowing. graphile-worker deletes what is finished, so it has no history to run on. */
async function pgBossOnHistory(cluster: Cluster, options: Options, say: (what: string) => void): Promise<Contest> {
  const { seedPgBoss, seedPgBossHistory } = await import('./peers/pg-boss.ts');
  const database = await cluster.createEmpty('bench_history_pg_boss');
  await seedPgBossHistory(database.adminUrl, options.history);
  await cluster.settle(database);
  say(`${format(options.history, 0)} finished jobs of pg-boss`);
  const name = `c) pg-boss, ${format(options.history, 0)} finished`;
  return {
    name,
    isPeer: false,
    against: 'pg-boss',
    aim: null,
    async once() {
      await seedPgBoss(database.adminUrl, options.tasks);
      return runPeer(cluster, options)(database, PG_BOSS_FILE, name, PG_BOSS_SETTINGS);
    },
  };
}

async function peerContests(cluster: Cluster, options: Options): Promise<readonly Contest[]> {
  // Not before they are installed.
  const { seedGraphile } = await import('./peers/graphile-worker.ts');
  const { seedPgBoss } = await import('./peers/pg-boss.ts');
  const run = runPeer(cluster, options);
  const peer = (name: string, once: (database: BenchDatabase) => Promise<Run<unknown>>): Contest => ({
    name,
    isPeer: true,
    against: null,
    aim: null,
    once: () => onFresh(cluster, cluster.createEmpty, once),
  });
  return [
    ...options.localQueueSizes.map((localQueueSize) => {
      const name = `graphile-worker, local queue ${localQueueSize}`;
      return peer(name, async (database) => {
        await seedGraphile(database.adminUrl, options.tasks);
        return run(database, 'peers/graphile-worker.ts', name, { localQueueSize });
      });
    }),
    peer('pg-boss', async (database) => {
      await seedPgBoss(database.adminUrl, options.tasks);
      return run(database, PG_BOSS_FILE, 'pg-boss', PG_BOSS_SETTINGS);
    }),
  ];
}
