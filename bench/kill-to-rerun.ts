/**
 * How long the tasks of a worker that was killed (SIGKILL) wait until another worker has them, with real processes over a
 * real PostgreSQL (fsync on) and the default lease of 30 s:
 *
 *   neighbour  a second worker runs on the same data directory: it finds the first one dead and voids its leases
 *   restarted  nobody else is there; the process is started again at once, as a supervisor does it
 *   elsewhere  the other worker is on another machine (another data directory): the leases have to run out
 *
 * `taken over`: until a task has a new fence, from when on its new worker asks for it. `first outcome`: until one of them
 * has been settled by that worker.
 *
 *   node bench/kill-to-rerun.ts [repetitions]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { openDatabase, type Database } from '../packages/server/src/db/index.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { createLogger } from '../packages/server/src/system/index.ts';
import {
  createAccount,
  eventually,
  startProcess,
  temporaryDirectory,
  type ServerProcess,
} from '../packages/server/testing/server-process.ts';

const repetitions = Number(process.argv[2] ?? '5');
const BATCH_TASKS = 10_000;
const BATCHES = 4;
const CONCURRENCY = '64';
const WAIT_MS = 120_000;

const directories = ['postgres', 'simulator', 'here', 'there'].map(() => temporaryDirectory());
const [postgresDir, simulatorDir, here, there] = directories.map((directory) => directory.path);
if (postgresDir === undefined || simulatorDir === undefined || here === undefined || there === undefined) {
  throw new Error('four directories');
}
const postgres = await openEmbeddedPostgres({ dataDir: postgresDir, logger: createLogger('error') });
await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
const admin: Database = openDatabase({
  url: postgres.adminUrl,
  applicationName: 'bench',
  maxConnections: 2,
  onConnectionError: () => undefined,
});
const simulator = await startProcess(['simulator', '--port', '0'], {
  dataDir: simulatorDir,
  env: { RUSHES_SIMULATOR_LATENCY_MS: '2000-15000' },
});
const env = {
  DATABASE_URL: postgres.appUrl,
  DATABASE_MIGRATION_URL: postgres.adminUrl,
  RUSHES_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
  RUSHES_UPSTREAM: 'routes',
  GRSAI_BASE_URL: simulator.url ?? '',
  GRSAI_API_KEY: 'any',
  RUSHES_WORKER_CONCURRENCY: CONCURRENCY,
};

const startWorker = (dataDir: string): Promise<ServerProcess> =>
  startProcess(['start', '--role', 'worker'], { dataDir, env });

/** The id under which a running process holds its leases. */
function workerIdOf(dataDir: string, { pid }: ServerProcess): string {
  const folder = path.join(dataDir, 'processes');
  for (const name of readdirSync(folder)) {
    const record = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as { pid: number; workerId: string };
    if (record.pid === pid) return record.workerId;
  }
  throw new Error(`no worker with pid ${pid} in ${folder}`);
}

const leasedTo = async (workerId: string): Promise<number> => {
  const [row] = await admin.query<{ open: number }>(
    'SELECT coalesce(sum(open), 0) AS open FROM task_leases WHERE worker_id = $1',
    [workerId],
  );
  return row?.open ?? 0;
};

interface Times {
  readonly takenOverMs: number;
  readonly firstOutcomeMs: number;
}

/** Kills `victim` while its slots are full and watches what it held. */
async function killAndWatch(victim: ServerProcess, dataDir: string, afterKill: () => void): Promise<Times> {
  const workerId = workerIdOf(dataDir, victim);
  await eventually('full slots', WAIT_MS, async () => ((await leasedTo(workerId)) >= 50 ? true : null));
  await admin.query('DROP TABLE IF EXISTS bench_orphans');
  await admin.query(
    `CREATE TABLE bench_orphans AS
     SELECT t.account_id, t.batch_id, t.task_index, l.fence FROM task_leases l
     JOIN tasks t ON t.account_id = l.account_id AND t.batch_id = l.batch_id
       AND t.task_index BETWEEN l.from_index AND l.to_index AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range'))
     WHERE l.worker_id = '${workerId}' AND t.resolution IS NULL`,
  );
  const killedAt = performance.now();
  await victim.kill();
  afterKill();
  const since = async (what: string, condition: string): Promise<number> => {
    const deadline = performance.now() + WAIT_MS;
    while (performance.now() < deadline) {
      const found = await admin.query(
        `SELECT FROM tasks t JOIN bench_orphans o USING (account_id, batch_id, task_index)
         WHERE t.fence > o.fence AND ${condition} LIMIT 1`,
      );
      if (found.length > 0) return performance.now() - killedAt;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`${what} did not happen`);
  };
  return {
    takenOverMs: await since(
      'a takeover',
      `EXISTS (SELECT FROM task_leases l WHERE l.batch_id = t.batch_id AND l.fence = t.fence
         AND t.task_index BETWEEN l.from_index AND l.to_index AND l.worker_id <> '${workerId}')`,
    ),
    firstOutcomeMs: await since('an outcome', 't.resolution IS NOT NULL'),
  };
}

function show(name: string, times: readonly Times[]): void {
  const line = (what: string, values: readonly number[]): string => {
    const sorted = [...values].sort((a, b) => a - b).map((ms) => (ms / 1_000).toFixed(2));
    return `${what}: median ${sorted[Math.floor(sorted.length / 2)] ?? '-'} s, ${sorted[0] ?? '-'} to ${sorted.at(-1) ?? '-'} s`;
  };
  const takenOver = line(
    'taken over',
    times.map((time) => time.takenOverMs),
  );
  const outcome = line(
    'first outcome',
    times.map((time) => time.firstOutcomeMs),
  );
  console.log(`${name.padEnd(10)} ${takenOver}; ${outcome} (${times.length} kills)`);
}

const processes: ServerProcess[] = [];
try {
  const account = await createAccount({ dataDir: here, env }, [
    '--name',
    'bench',
    '--plan',
    'enterprise',
    '--credits',
    String(BATCHES * BATCH_TASKS * 49),
  ]);
  const api = await startProcess(['start', '--role', 'api', '--port', '0'], { dataDir: here, env });
  processes.push(api);
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const items = Array.from({ length: BATCH_TASKS }, (_, at) => ({ prompt: `a ferry, take ${batch}/${at}` }));
    const response = await fetch(`${api.url ?? ''}/v1/batches`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.api_key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ request_id: `bench-${batch}`, model: 'sora-2', items }),
    });
    if (response.status !== 201) throw new Error(await response.text());
  }
  console.log(`${cpus()[0]?.model ?? 'unknown CPU'} x ${cpus().length}, node ${process.version}, lease 30 s`);

  const neighbour = await startWorker(here);
  processes.push(neighbour);
  const neighbourTimes: Times[] = [];
  for (let kill = 0; kill < repetitions; kill += 1) {
    const victim = await startWorker(here);
    processes.push(victim);
    neighbourTimes.push(await killAndWatch(victim, here, () => undefined));
  }
  show('neighbour', neighbourTimes);
  await neighbour.stop();

  const restartedTimes: Times[] = [];
  let running = await startWorker(here);
  processes.push(running);
  for (let kill = 0; kill < repetitions; kill += 1) {
    let successor: Promise<ServerProcess> | null = null;
    restartedTimes.push(await killAndWatch(running, here, () => (successor = startWorker(here))));
    if (successor === null) throw new Error('nobody was started');
    running = await successor;
    processes.push(running);
  }
  show('restarted', restartedTimes);
  await running.stop();

  const elsewhere = await startWorker(there);
  processes.push(elsewhere);
  const elsewhereTimes: Times[] = [];
  for (let kill = 0; kill < Math.ceil(repetitions / 2); kill += 1) {
    const victim = await startWorker(here);
    processes.push(victim);
    elsewhereTimes.push(await killAndWatch(victim, here, () => undefined));
  }
  show('elsewhere', elsewhereTimes);
} finally {
  await Promise.all(processes.map((started) => started.kill()));
  await simulator.kill();
  await admin.close();
  await postgres.close();
  for (const directory of directories) directory.remove();
}
