/** Makes a cluster, whole or not at all, and sets a new superuser password on one whose password was lost. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { explained, syncDirectory } from '../data-directory/index.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError } from './error.ts';
import type { OsUser } from './os-user.ts';
import { cleanEnvironment } from './settings.ts';
import { adviceOn } from './start-failure.ts';

/** What the embedded programs can open. */
const MAJOR_VERSION = '18';

export interface Cluster {
  readonly binaries: Binaries;
  readonly user: OsUser | null;
  /** PostgreSQL's own data directory, a real path: that is what it reports. */
  readonly pgData: string;
  /** What it prints, and why it ended. */
  readonly logFile: string;
}

/** Call under the lock only. `cluster.pgData` must not exist. */
export function makeCluster({ binaries, user, pgData }: Cluster, superuserPassword: string): void {
  const home = path.dirname(pgData);
  removeUnfinished(home);
  // Random: after a SIGKILL of ours in this very second an initdb without a parent may still be filling the other one.
  const unfinished = path.join(home, `${UNFINISHED}${randomBytes(4).toString('hex')}`);
  const passwordFile = `${unfinished}.password`;
  explained(home, () => {
    mkdirSync(unfinished, { mode: 0o700 });
    writeFileSync(passwordFile, `${superuserPassword}\n`, { mode: 0o600, flag: 'wx' });
    if (user !== null) {
      chownSync(unfinished, user.uid, user.gid);
      chownSync(passwordFile, user.uid, user.gid);
    }
  });
  try {
    const { status, output } = runAs(user, binaries.initdb, [
      `--pgdata=${unfinished}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Code point order from PostgreSQL itself: an upgrade of the system's C library cannot corrupt an index.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ]);
    if (status !== 0) {
      throw new EmbeddedPostgresError(
        `initdb could not make the database in ${pgData}.${adviceOn(output)}\n${output.trim()}`,
      );
    }
    renameSync(unfinished, pgData);
    syncDirectory(home);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
}

const UNFINISHED = 'unfinished-';

function removeUnfinished(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith(UNFINISHED)) continue;
    try {
      rmSync(path.join(home, name), { recursive: true, force: true });
    } catch {
      // Somebody is still writing into it; the next start has another go.
    }
  }
}

/** Throws EmbeddedPostgresError when the programs at hand cannot open the cluster. */
export function checkCluster({ pgData }: Cluster): void {
  const versionFile = path.join(pgData, 'PG_VERSION');
  if (!existsSync(versionFile)) {
    throw new EmbeddedPostgresError(
      `${pgData} is not a PostgreSQL data directory: PG_VERSION is missing. Restore a backup into another data directory, ` +
        'or move this one away to start with an empty database.',
    );
  }
  const version = explained(versionFile, () => readFileSync(versionFile, 'utf8')).trim();
  if (version !== MAJOR_VERSION) {
    throw new EmbeddedPostgresError(
      `${pgData} was created by PostgreSQL ${version}, but this release has ${MAJOR_VERSION}. Make a backup with the release  ` +
        'of Rushes that created it and restore it into a new data directory, or run a PostgreSQL of that version on it and set DATABASE_URL.',
    );
  }
}

/** In single-user mode, without any password. Postgres must not run. Returns when the change is on disk. */
export function setSuperuserPassword({ binaries, user, pgData }: Cluster, password: string): void {
  const { status, output } = runAs(
    user,
    binaries.postgres,
    ['--single', '-D', pgData, 'postgres'],
    `ALTER ROLE postgres PASSWORD '${password}'\n`,
  );
  if (status !== 0 || /^\S* ?(ERROR|FATAL|PANIC):/m.test(output)) {
    throw new EmbeddedPostgresError(
      `the lost password of the database in ${pgData} could not be replaced.${adviceOn(output)}\n${output.trim()}`,
    );
  }
}

function runAs(
  user: OsUser | null,
  program: string,
  args: string[],
  input = '',
): { status: number | null; output: string } {
  const run = spawnSync(program, args, {
    ...(user ?? {}),
    input,
    encoding: 'utf8',
    env: cleanEnvironment(),
    // The caller's working directory may be closed to the other user.
    cwd: path.parse(program).root,
  });
  if (run.error !== undefined)
    throw new EmbeddedPostgresError(`cannot run ${program}: ${run.error.message}`, { cause: run.error });
  return { status: run.status, output: `${run.stdout}${run.stderr}` };
}
