/** The embedded PostgreSQL: what runs when there is no DATABASE_URL. See docs/decisions/0002-own-postgres-launcher.md. */
export { EmbeddedPostgresError } from './error.ts';
export { openEmbeddedPostgres, type EmbeddedPostgres } from './open.ts';
export type { Places as EmbeddedPostgresOptions } from './take-over.ts';
export { tryLock, type FileLock } from './file-lock.ts';
export { accessDatabase, DatabaseNotMigrated, migrateDatabase, type DatabaseAccess } from './database-access.ts';
