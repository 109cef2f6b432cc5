/** The embedded PostgreSQL: what runs when there is no DATABASE_URL. See docs/decisions/0002-own-postgres-launcher.md. */
export { tryLock, type FileLock } from './file-lock.ts';
export { accessDatabase, migrateDatabase, type DatabaseAccess } from './database-access.ts';
