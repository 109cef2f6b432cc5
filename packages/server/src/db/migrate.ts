import { createHash } from 'node:crypto';
import knex, { type Knex } from 'knex';
import { MIGRATIONS, type Migration } from '../schema/migrations.ts';
import { protectTables, PROTECTION_VERSION, type Protection } from './protect-tables.ts';
import { ROUTINES } from '../schema/routines.ts';

export interface MigrateOptions {
  /** A URL of the schema's owner: it creates tables and, where it may, roles. */
  readonly migrationUrl: string;
  /** The URL the application logs in with, or null when it is the same. */
  readonly applicationUrl: string | null;
}

export interface MigrateResult {
  /** Names of the migrations that this call ran. */
  readonly applied: readonly string[];
  readonly protection: Protection;
}

const MINIMUM_SERVER_VERSION = 150_000;
/** Any fixed number: migrations of one database follow one another. */
const MIGRATION_LOCK_KEY = 4_600_171_001;

const source: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...MIGRATIONS]),
  getMigrationName: (migration) => migration.name,
  getMigration: (migration) =>
    Promise.resolve({
      up: async (db: Knex) => {
        await db.raw(migration.sql);
      },
      down: () => Promise.reject(new Error('migrations only go forward')),
    }),
};

/** Remembers what was applied last; beside Knex's own tables. */
const STATE_TABLE = 'schema_migrations_state';

interface AppliedState {
  readonly fingerprint: string;
  readonly protection: Protection;
}

/** Everything that a run would apply, and for whom: as long as it is the same, there is nothing to do. */
function fingerprintOf(options: MigrateOptions): string {
  const logins = [options.migrationUrl, options.applicationUrl ?? ''].map((url) =>
    url === '' ? '' : new URL(url).username,
  );
  const parts = [...MIGRATIONS.flatMap(({ name, sql }) => [name, sql]), ...ROUTINES, PROTECTION_VERSION, ...logins];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function appliedState(db: Knex): Promise<AppliedState | null> {
  const found = await db.raw<{ rows: { name: string | null }[] }>(
    `SELECT to_regclass('public.${STATE_TABLE}')::text AS name`,
  );
  if (typeof found.rows[0]?.name !== 'string') return null;
  const { rows } = await db.raw<{ rows: AppliedState[] }>(`SELECT fingerprint, protection FROM ${STATE_TABLE}`);
  return rows[0] ?? null;
}

/**
 * Brings a database to the present schema: tables by numbered migrations, then every function and view, then roles and
 * grants. Safe to run at any time and from several processes at once. When nothing has changed since the last run it
 * only reads: replacing functions and owners takes locks that a working server would have to wait for.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const db = knex({
    client: 'pg',
    connection: { connectionString: options.migrationUrl, application_name: 'rushes-migrate' },
    pool: { min: 0, max: 4 },
    migrations: { migrationSource: source, tableName: 'schema_migrations', disableMigrationsListValidation: false },
  });
  try {
    await demandServerVersion(db);
    const fingerprint = fingerprintOf(options);
    const before = await appliedState(db);
    if (before?.fingerprint === fingerprint) return { applied: [], protection: before.protection };
    return await db.transaction(async (lock) => {
      await lock.raw(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK_KEY})`);
      const meanwhile = await appliedState(db);
      if (meanwhile?.fingerprint === fingerprint) return { applied: [], protection: meanwhile.protection };
      const [, names] = (await db.migrate.latest()) as [number, string[]];
      const protection = await db.transaction(async (tx) => {
        for (const routine of ROUTINES) await tx.raw(routine);
        const reached = await protectTables(tx, options.applicationUrl);
        await tx.raw(`CREATE TABLE IF NOT EXISTS ${STATE_TABLE} (
          only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), fingerprint text NOT NULL, protection jsonb NOT NULL)`);
        await tx.raw(
          `INSERT INTO ${STATE_TABLE} (fingerprint, protection) VALUES (?, ?)
           ON CONFLICT (only_row) DO UPDATE SET fingerprint = excluded.fingerprint, protection = excluded.protection`,
          [fingerprint, JSON.stringify(reached)],
        );
        return reached;
      });
      return { applied: names, protection };
    });
  } finally {
    await db.destroy();
  }
}

async function demandServerVersion(db: Knex): Promise<void> {
  const { rows } = await db.raw<{ rows: { server_version_num: string }[] }>('SHOW server_version_num');
  const version = Number(rows[0]?.server_version_num);
  if (version < MINIMUM_SERVER_VERSION) {
    throw new Error(
      `PostgreSQL 15 or newer is needed; this server is ${Math.floor(version / 10_000)}. Point DATABASE_URL at a newer one.`,
    );
  }
}

/** Names of migrations that this build has and the database has not; readiness waits for none. */
export async function pendingMigrations(query: (sql: string) => Promise<{ name: string }[]>): Promise<string[]> {
  const [table] = await query("SELECT to_regclass('public.schema_migrations')::text AS name");
  if (typeof table?.name !== 'string') return MIGRATIONS.map((migration) => migration.name);
  const done = new Set((await query('SELECT name FROM schema_migrations')).map((row) => row.name));
  return MIGRATIONS.map((migration) => migration.name).filter((name) => !done.has(name));
}
