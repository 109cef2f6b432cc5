/**
 * Reader/writer lock between processes, held by the kernel: when a process dies, SIGKILL included, its locks are gone
 * at that moment. A file with a pid in it cannot promise that (pids are reused, containers have their own).
 *
 * Node has no flock, so the lock is the one SQLite takes on an empty database file: a read transaction is shared, an
 * exclusive transaction excludes both. Nothing is ever written. POSIX drops a process's locks on a file when that
 * process closes any descriptor of it, so nothing else may open these files.
 */
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { explained, giveToDirectoryOwner, systemErrorCode } from '../data-directory/index.ts';
import { EmbeddedPostgresError } from './error.ts';

export type LockMode = 'shared' | 'exclusive';

export interface FileLock {
  /** Idempotent. */
  release(): void;
}

/** https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;

/** Takes the lock if that is possible at once, else null. Throws when the file cannot be locked at all. */
export function tryLock(file: string, mode: LockMode): FileLock | null {
  makeLockFile(file);
  const sqlite = process.getBuiltinModule('node:sqlite');
  let database: DatabaseSync | null = new sqlite.DatabaseSync(file);
  const release = (): void => {
    // Closing rolls the transaction back and with it drops the lock.
    database?.close();
    database = null;
  };
  try {
    if (mode === 'exclusive') {
      database.exec('BEGIN EXCLUSIVE');
    } else {
      database.exec('BEGIN');
      // BEGIN alone is lazy: the first read takes the lock.
      database.prepare('SELECT count(*) FROM sqlite_schema').get();
    }
    return { release };
  } catch (error) {
    release();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return null;
    throw new EmbeddedPostgresError(
      `cannot lock ${file}: the file system of the data directory must support file locks. ` +
        'Set RUSHES_DATA_DIR to a local directory, or DATABASE_URL to a PostgreSQL server of your own.',
      { cause: error },
    );
  }
}

/** Made by us before SQLite opens it: it would use the umask for the mode, and root for the owner. */
function makeLockFile(file: string): void {
  explained(file, () => {
    try {
      const descriptor = openSync(file, 'wx', 0o600);
      giveToDirectoryOwner(descriptor, path.dirname(file));
      closeSync(descriptor);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    // SQLite would only say that it is unable to open the file.
    accessSync(file, constants.R_OK | constants.W_OK);
  });
}
