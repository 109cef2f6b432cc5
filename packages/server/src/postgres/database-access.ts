import type { Config } from '../config/index.ts';
import { openEmbeddedPostgres } from './open.ts';
import { openDatabase, type Database, type Protection } from '../db/index.ts';
import { migrate, pendingMigrations } from '../schema/index.ts';
import type { Logger } from '../ports.ts';
import { ExplainedError } from '../outcome/index.ts';

export interface DatabaseAccess {
  readonly db: Database;
  /** Null when nothing was migrated just now, and so nothing is known. */
  readonly protection: Protection | null;
  /** Names of migrations that this build has and the database has not. */
  pendingMigrations(): Promise<readonly string[]>;
  /**
   * One more pool, for work that must not wait until others give their connections back, or whose statements may take longer
   * than those of everybody else.
   */
  openPool(maxConnections: number, answerTimeoutMs?: number): Database;
  /** Closes the pools, and the embedded PostgreSQL when nobody else uses it. */
  close(): Promise<void>;
}

class DatabaseNotMigrated extends ExplainedError {
  override readonly name = 'DatabaseNotMigrated';
}

interface Urls {
  readonly application: string;
  readonly migration: string;
  close(): Promise<void>;
}

async function urls(config: Config, logger: Logger): Promise<Urls> {
  if (config.databaseUrl !== null) {
    const migration = config.databaseMigrationUrl ?? config.databaseUrl;
    return { application: config.databaseUrl, migration, close: () => Promise.resolve() };
  }
  const embedded = await openEmbeddedPostgres({ dataDir: config.dataDir, logger });
  return { application: embedded.appUrl, migration: embedded.adminUrl, close: () => embedded.close() };
}

/** Brings the database to this build's schema. */
export async function migrateDatabase(
  config: Config,
  logger: Logger,
): Promise<{ applied: readonly string[]; protection: Protection }> {
  const found = await urls(config, logger);
  try {
    return await runMigrations(found);
  } finally {
    await found.close();
  }
}

function runMigrations(found: Urls): Promise<{ applied: readonly string[]; protection: Protection }> {
  return migrate({
    migrationUrl: found.migration,
    applicationUrl: found.application === found.migration ? null : found.application,
  });
}

/**
 * Opens the database that the configuration names. The embedded one, and any one in development, is migrated on the
 * way; in production a deployment decides when, by `rushes-server migrate`.
 */
export async function accessDatabase(config: Config, logger: Logger, maxConnections: number): Promise<DatabaseAccess> {
  const found = await urls(config, logger);
  try {
    const migratesItself = config.databaseUrl === null || config.env === 'development';
    const migrated = migratesItself ? await runMigrations(found) : null;
    const pools: Database[] = [];
    const openPool: DatabaseAccess['openPool'] = (connections, answerTimeoutMs) => {
      const pool = openDatabase({
        url: found.application,
        applicationName: 'rushes',
        maxConnections: connections,
        ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }),
        onConnectionError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
      });
      pools.push(pool);
      return pool;
    };
    const db = openPool(maxConnections);
    const pending = (): Promise<readonly string[]> => pendingMigrations((sql) => db.query<{ name: string }>(sql));
    const missing = migrated === null ? await pending() : [];
    if (missing.length > 0) {
      await db.close();
      throw new DatabaseNotMigrated(
        `the database does not have the migrations ${missing.join(', ')}: run "rushes-server migrate" first`,
      );
    }
    return {
      db,
      openPool,
      protection: migrated?.protection ?? null,
      pendingMigrations: pending,
      async close() {
        await Promise.all(pools.map((pool) => pool.close()));
        await found.close();
      },
    };
  } catch (error) {
    await found.close();
    throw error;
  }
}
