/**
 * Postgres refuses to run as root, so a root process runs it as somebody else. In this order: whoever owns the cluster
 * already; whoever owns the data directory; a system user `rushes`; Debian's `postgres`; a system user `rushes` made
 * now; `nobody`. Everybody else runs Postgres as themselves (null).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../ports.ts';
import { isRoot } from '../data-directory/index.ts';
import { EmbeddedPostgresError } from './error.ts';

export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

const OWN_USER = 'rushes';

/** `owned` are paths whose owner decides if it is not root, the first that exists wins. */
export function chooseOsUser(owned: readonly string[], logger: Logger): OsUser | null {
  if (!isRoot()) return null;
  for (const candidate of owned) {
    if (!existsSync(candidate)) continue;
    const { uid, gid } = statSync(candidate);
    if (uid !== 0) return { uid, gid };
  }
  const existing = lookUp(OWN_USER) ?? lookUp('postgres') ?? createOwnUser(logger) ?? lookUp('nobody');
  if (existing !== null) return existing;
  throw new EmbeddedPostgresError(
    'PostgreSQL cannot run as root, and there is no other user to run it as.  ' +
      `Create one (useradd --system ${OWN_USER}), start rushes-server as an ordinary user, or set DATABASE_URL.`,
  );
}

/** Asks `id`, which knows directories beyond /etc/passwd. */
function lookUp(name: string): OsUser | null {
  const uid = numberPrintedBy('id', ['-u', name]);
  const gid = numberPrintedBy('id', ['-g', name]);
  return uid === null || gid === null || uid === 0 ? null : { uid, gid };
}

function numberPrintedBy(command: string, args: readonly string[]): number | null {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 && /^\d+\s*$/.test(stdout) ? Number(stdout) : null;
}

function createOwnUser(logger: Logger): OsUser | null {
  const args = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', OWN_USER];
  if (spawnSync('useradd', args).status !== 0) return null;
  logger.info({ user: OWN_USER }, 'created a system user to run PostgreSQL, which cannot run as root');
  return lookUp(OWN_USER);
}

/** May `user` pass through every directory above `target`, and through `target` itself if it is a directory? */
export function canReach(user: OsUser | null, target: string): boolean {
  if (user === null) return true;
  if (!existsSync(target)) return false;
  let current = realpathSync(target);
  for (;;) {
    if (statSync(current).isDirectory() && !hasBit(user, current, 0o1)) return false;
    const parent = path.dirname(current);
    if (parent === current) return true;
    current = parent;
  }
}

/** `bit` is 4 to read, 1 to execute. Access lists beyond the nine mode bits are not looked at. */
export function hasBit(user: OsUser, target: string, bit: 0o4 | 0o1): boolean {
  const { uid, gid, mode } = statSync(target);
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & bit) !== 0;
}
