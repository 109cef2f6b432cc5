export { openDatabase } from './database.ts';
export type { Database, Queryable, SqlValue } from './database.ts';
export { isLockTimeout, isTransient, isUnavailable } from './errors.ts';
export { migrate, pendingMigrations } from './migrate.ts';
export type { MigrateOptions, MigrateResult } from './migrate.ts';
export type { Protection } from './protect-tables.ts';
export type { Migration, RoomSchema, SqlFunction, SqlView } from './room-schema.ts';
