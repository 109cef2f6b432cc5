import { createHash } from 'node:crypto';
import knex, { type Knex } from 'knex';
import { protectTables, PROTECTION_VERSION, type Protection } from './protect-tables.ts';
import {
  inOrder,
  migrationsOf,
  type Migration,
  type RoomSchema,
  type SqlFunction,
  type SqlView,
} from './room-schema.ts';

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

function sourceOf(migrations: readonly Migration[]): Knex.MigrationSource<Migration> {
  return {
    getMigrations: () => Promise.resolve([...migrations]),
    getMigrationName: (migration) => migration.name,
    getMigration: (migration) =>
      Promise.resolve({
        up: async (db: Knex) => {
          await db.raw(verbatim(migration.sql));
        },
        down: () => Promise.reject(new Error('migrations only go forward')),
      }),
  };
}

/** Knex takes a question mark for the place of a value, also in a comment. */
function verbatim(sql: string): string {
  return sql.replaceAll('?', String.raw`\?`);
}

/** Remembers what was applied last; beside Knex's own tables. */
const STATE_TABLE = 'schema_migrations_state';

interface AppliedState {
  readonly fingerprint: string;
  readonly protection: Protection;
}

/** Everything that a run would apply, and for whom: as long as it is the same, there is nothing to do. */
function fingerprintOf(rooms: readonly RoomSchema[], options: MigrateOptions): string {
  const logins = [options.migrationUrl, options.applicationUrl ?? ''].map((url) =>
    url === '' ? '' : new URL(url).username,
  );
  return createHash('sha256')
    .update(JSON.stringify([rooms, PROTECTION_VERSION, ...logins]))
    .digest('hex');
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
 * Brings a database to the present schema of the rooms: tables by numbered migrations, then every view and function,
 * then roles and grants. Safe to run at any time and from several processes at once. When nothing has changed since the
 * last run it only reads: replacing functions and owners takes locks that a working server would have to wait for.
 */
export async function migrate(given: readonly RoomSchema[], options: MigrateOptions): Promise<MigrateResult> {
  const rooms = inOrder(given);
  const db = knex({
    client: 'pg',
    connection: { connectionString: options.migrationUrl, application_name: 'rushes-migrate' },
    pool: { min: 0, max: 4 },
    migrations: {
      migrationSource: sourceOf(rooms.flatMap(migrationsOf)),
      tableName: 'schema_migrations',
      disableMigrationsListValidation: false,
    },
  });
  try {
    await demandServerVersion(db);
    const fingerprint = fingerprintOf(rooms, options);
    const before = await appliedState(db);
    if (before?.fingerprint === fingerprint) return { applied: [], protection: before.protection };
    return await db.transaction(async (lock) => {
      await lock.raw(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK_KEY})`);
      const meanwhile = await appliedState(db);
      if (meanwhile?.fingerprint === fingerprint) return { applied: [], protection: meanwhile.protection };
      const [, names] = (await db.migrate.latest()) as [number, string[]];
      const protection = await db.transaction(async (tx) => {
        await replaceRoutines(tx, rooms);
        const reached = await protectTables(tx, rooms, options.applicationUrl);
        await rememberState(tx, { fingerprint, protection: reached });
        return reached;
      });
      return { applied: names, protection };
    });
  } finally {
    await db.destroy();
  }
}

/** Views first: a function in SQL may read one, and no view of ours calls a function. */
async function replaceRoutines(tx: Knex, rooms: readonly RoomSchema[]): Promise<void> {
  for (const view of rooms.flatMap(({ views }) => views)) {
    await tx.raw(verbatim(view.sql));
    await tx.raw(verbatim(commentOn('VIEW', view)));
  }
  for (const routine of rooms.flatMap(({ functions }) => functions)) {
    await tx.raw(verbatim(routine.sql));
    await tx.raw(verbatim(commentOn('FUNCTION', routine)));
  }
}

function commentOn(what: 'VIEW' | 'FUNCTION', { name, comment }: SqlView | SqlFunction): string {
  const text = comment.trim().replaceAll(/\s+/g, ' ').replaceAll("'", "''");
  return `COMMENT ON ${what} ${name} IS '${text}'`;
}

async function rememberState(tx: Knex, { fingerprint, protection }: AppliedState): Promise<void> {
  await tx.raw(`CREATE TABLE IF NOT EXISTS ${STATE_TABLE} (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), fingerprint text NOT NULL, protection jsonb NOT NULL)`);
  await tx.raw(
    `INSERT INTO ${STATE_TABLE} (fingerprint, protection) VALUES (?, ?)
     ON CONFLICT (only_row) DO UPDATE SET fingerprint = excluded.fingerprint, protection = excluded.protection`,
    [fingerprint, JSON.stringify(protection)],
  );
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

/** Names of migrations that these rooms have and the database has not; readiness waits for none. */
export async function pendingMigrations(
  rooms: readonly RoomSchema[],
  query: (sql: string) => Promise<{ name: string }[]>,
): Promise<string[]> {
  const names = inOrder(rooms).flatMap((room) => migrationsOf(room).map(({ name }) => name));
  const [table] = await query("SELECT to_regclass('public.schema_migrations')::text AS name");
  if (typeof table?.name !== 'string') return names;
  const done = new Set((await query('SELECT name FROM schema_migrations')).map((row) => row.name));
  return names.filter((name) => !done.has(name));
}
