/** One embedded PostgreSQL (fsync on) for all contenders, a database of its own for every run, and what its processes cost. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { openEmbeddedPostgres, type EmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { createLogger } from '../packages/server/src/system/index.ts';

/** USER_HZ of every Linux on the platforms that the embedded PostgreSQL has binaries for: proc(5), sysconf(3). */
const TICKS_PER_SECOND = 100;
const TEMPLATE = 'bench_template';

export interface BenchDatabase {
  readonly name: string;
  readonly adminUrl: string;
  readonly appUrl: string;
}

export interface Cluster {
  readonly version: string;
  /** An empty database for a peer. */
  createEmpty(name: string): Promise<BenchDatabase>;
  /** A database with our schema and nothing in it. */
  createMigrated(name: string): Promise<BenchDatabase>;
  drop(database: BenchDatabase): Promise<void>;
  /** Vacuums, analyzes and checkpoints, so that a run does not pay for the seeding before it. */
  settle(database: BenchDatabase): Promise<void>;
  /** Processor seconds of the postmaster and of every process that it has or had. */
  cpuSeconds(): number;
  /** Forgets the statements counted so far. Does nothing unless they are counted. */
  resetStatements(): Promise<void>;
  costliestStatements(): Promise<readonly { totalMs: number; calls: number; query: string }[]>;
  close(): Promise<void>;
}

/** @param countStatements loads pg_stat_statements, which costs every statement something. */
export async function startCluster(countStatements: boolean): Promise<Cluster> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
  const logger = createLogger('error');
  let postgres: EmbeddedPostgres | null = null;
  const remove = async (): Promise<void> => {
    await postgres?.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    postgres = await openEmbeddedPostgres({ dataDir, logger });
    if (countStatements) {
      await query(postgres.adminUrl, `ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
      await postgres.close();
      postgres = await openEmbeddedPostgres({ dataDir, logger });
      await query(postgres.adminUrl, `ALTER SYSTEM SET pg_stat_statements.track = 'all'`);
      await query(postgres.adminUrl, 'SELECT pg_reload_conf()');
      await query(postgres.adminUrl, 'CREATE EXTENSION pg_stat_statements');
    }
    const { adminUrl, appUrl } = postgres;
    const [row] = await query<{ pid: number; version: string }>(
      adminUrl,
      `SELECT pg_backend_pid() AS pid, current_setting('server_version') AS version`,
    );
    const anchor = new pg.Client({ connectionString: adminUrl });
    await anchor.connect();
    const [backend] = (await anchor.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
    const postmasterPid = readStat(backend?.pid ?? 0)?.parent ?? 0;
    const named = (name: string): BenchDatabase => ({
      name,
      adminUrl: withDatabase(adminUrl, name),
      appUrl: withDatabase(appUrl, name),
    });
    await anchor.query(`CREATE DATABASE ${TEMPLATE}`);
    const template = named(TEMPLATE);
    await migrate({ migrationUrl: template.adminUrl, applicationUrl: template.appUrl });

    return {
      version: row?.version ?? '',
      async createEmpty(name) {
        await anchor.query(`CREATE DATABASE ${name}`);
        return named(name);
      },
      async createMigrated(name) {
        await anchor.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
        return named(name);
      },
      async drop({ name }) {
        await anchor.query(`DROP DATABASE ${name} WITH (FORCE)`);
      },
      async settle(database) {
        await query(database.adminUrl, 'VACUUM (ANALYZE)');
        await query(database.adminUrl, 'CHECKPOINT');
      },
      cpuSeconds: () => cpuSecondsOf(postmasterPid),
      async resetStatements() {
        if (countStatements) await anchor.query('SELECT pg_stat_statements_reset()');
      },
      async costliestStatements() {
        if (!countStatements) return [];
        const { rows } = await anchor.query<{ totalMs: number; calls: string; query: string }>(
          `SELECT total_exec_time AS "totalMs", calls, regexp_replace(left(query, 2000), '\\s+', ' ', 'g') AS query
           FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 12`,
        );
        return rows.map((statement) => ({ ...statement, calls: Number(statement.calls) }));
      },
      async close() {
        await anchor.end();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** One statement over a connection of its own, without the limits that a serving process has. */
export async function query<R extends pg.QueryResultRow = pg.QueryResultRow>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

interface ProcessStat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that have ended and were waited for. */
  readonly childTicks: number;
}

function readStat(pid: number): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name, is in parentheses and may hold anything; what follows has its place: proc(5).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    return { parent: field(4), ownTicks: field(14) + field(15), childTicks: field(16) + field(17) };
  } catch {
    return null;
  }
}

function cpuSecondsOf(postmasterPid: number): number {
  for (;;) {
    const before = readStat(postmasterPid);
    if (before === null) throw new Error('PostgreSQL is gone');
    let ticks = before.ownTicks + before.childTicks;
    for (const entry of readdirSync('/proc')) {
      const stat = /^\d+$/.test(entry) ? readStat(Number(entry)) : null;
      if (stat?.parent === postmasterPid) ticks += stat.ownTicks;
    }
    // A process that ended meanwhile was counted twice or not at all.
    if (readStat(postmasterPid)?.childTicks === before.childTicks) return ticks / TICKS_PER_SECOND;
  }
}
