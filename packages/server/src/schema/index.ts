import * as db from '../db/index.ts';
import { ROOMS } from './rooms.ts';

/** Brings a database to the present schema of all rooms. Harmless when it is there already. */
export function migrate(options: db.MigrateOptions): Promise<db.MigrateResult> {
  return db.migrate(ROOMS, options);
}

/** Names of migrations that this build has and the database has not. */
export function pendingMigrations(query: (sql: string) => Promise<{ name: string }[]>): Promise<string[]> {
  return db.pendingMigrations(ROOMS, query);
}
