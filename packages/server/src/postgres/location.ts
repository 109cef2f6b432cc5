/**
 * Where the cluster lives: `<data-dir>/postgres`, or, when Postgres' own OS user could not get there (a data directory
 * below a home of mode 0700, used by root), a folder below /var/lib/rushes that `<data-dir>/postgres.location` names.
 * That folder names the data directory back, so that a copied data directory cannot run on the original's cluster.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ensureDataDir, explained, makeDirectory, writeFileDurably } from '../data-directory/index.ts';
import type { Logger } from '../ports.ts';
import { EmbeddedPostgresError } from './error.ts';
import { canReach, type OsUser } from './os-user.ts';

const POINTER = 'postgres.location';
const BACK_POINTER = 'data-dir';

/** The folder that holds `data` (the cluster). It belongs to us; only `data` belongs to Postgres' OS user. */
export function clusterHome(dataDir: string): string {
  const pointer = path.join(dataDir, POINTER);
  if (!existsSync(pointer)) return path.join(dataDir, 'postgres');
  return explained(pointer, () => readFileSync(pointer, 'utf8')).trim();
}

/** Makes the folder at the first start; at later ones checks that it is ours and within reach. */
export function ensureClusterHome(
  dataDir: string,
  user: OsUser | null,
  systemStateDir: string,
  logger: Logger,
): string {
  const home = clusterHome(dataDir);
  const isElsewhere = path.dirname(home) !== dataDir;
  if (isElsewhere) checkBackPointer(dataDir, home);
  if (existsSync(home)) {
    if (canReach(user, home)) return home;
    throw new EmbeddedPostgresError(
      `user ${String(user?.uid)}, who runs PostgreSQL for root, cannot reach ${home}: allow others to enter every folder above it ` +
        `(chmod o+x), or start rushes-server as the user who owns ${dataDir}.`,
    );
  }
  if (isElsewhere) throw missingCluster(dataDir, home);
  if (user !== null) letThrough(user, dataDir);
  if (canReach(user, dataDir)) {
    ensureDataDir(home);
    return home;
  }
  return makeElsewhere(dataDir, systemStateDir, logger);
}

/**
 * A data directory of root's with mode 0700, as mkdtemp makes them, in a place that is open otherwise: Postgres' group,
 * and nobody else, gets leave to pass through. Folders above it are not ours to change.
 */
function letThrough(user: OsUser, dataDir: string): void {
  const { uid, mode } = statSync(dataDir);
  if (uid !== 0 || (mode & 0o077) !== 0 || !canReach(user, path.dirname(dataDir))) return;
  explained(dataDir, () => {
    chownSync(dataDir, uid, user.gid);
    chmodSync(dataDir, 0o710);
  });
}

function makeElsewhere(dataDir: string, systemStateDir: string, logger: Logger): string {
  const home = path.join(
    systemStateDir,
    `${path.basename(dataDir).replace(/^\.+/, '')}-${randomBytes(4).toString('hex')}`,
  );
  makeDirectory(systemStateDir, 0o755);
  for (const name of readdirSync(systemStateDir)) {
    const leftOver = path.join(systemStateDir, name);
    if (backPointer(leftOver) === dataDir) {
      logger.warn(
        { folder: leftOver },
        'this folder is left from an earlier data directory at the same path; remove it if you do not need it',
      );
    }
  }
  makeDirectory(home, 0o711);
  writeFileDurably(path.join(home, BACK_POINTER), `${dataDir}\n`);
  writeFileDurably(path.join(dataDir, POINTER), `${home}\n`);
  logger.info(
    { dataDir, folder: home },
    'PostgreSQL does not run as root and its user cannot reach the data directory; its files are kept elsewhere',
  );
  return home;
}

function backPointer(home: string): string | null {
  const file = path.join(home, BACK_POINTER);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}

function checkBackPointer(dataDir: string, home: string): void {
  const owner = backPointer(home);
  if (owner === null) throw missingCluster(dataDir, home);
  if (owner === dataDir) return;
  const ownersPointer = path.join(owner, POINTER);
  if (existsSync(ownersPointer) && readFileSync(ownersPointer, 'utf8').trim() === home) {
    throw new EmbeddedPostgresError(
      `${dataDir} is a copy of ${owner}: its database is not inside it but in ${home}, which belongs to the original. ` +
        'Make copies with rushes-server backup and restore.',
    );
  }
  // The data directory was renamed; the cluster follows it.
  writeFileDurably(path.join(home, BACK_POINTER), `${dataDir}\n`);
}

function missingCluster(dataDir: string, home: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `${path.join(dataDir, POINTER)} says that the database is in ${home}, but it is not there. Put that folder back, ` +
      'restore a backup into another data directory, or remove the file to start with an empty database.',
  );
}
