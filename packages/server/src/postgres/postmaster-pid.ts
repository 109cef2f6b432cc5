/**
 * PostgreSQL's `postmaster.pid`: pid, data directory, start time, port, socket directory, address, shared memory key,
 * status, a line each (PostgreSQL's src/include/utils/pidfile.h). After a crash it stays behind and may name another
 * program's process, because pids are reused.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { systemErrorCode } from '../data-directory/index.ts';

export interface PostmasterPid {
  readonly pid: number;
  readonly port: number | null;
  readonly status: 'starting' | 'ready' | 'stopping' | 'standby' | null;
}

function pidFile(pgData: string): string {
  return path.join(pgData, 'postmaster.pid');
}

/** Null when there is none or it says nothing usable. */
export function readPostmasterPid(pgData: string): PostmasterPid | null {
  let lines: string[];
  try {
    lines = readFileSync(pidFile(pgData), 'utf8').split('\n');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1) return null;
  const port = Number(lines[3]);
  const status = lines[7]?.trim();
  return {
    pid,
    port: Number.isSafeInteger(port) && port > 0 ? port : null,
    status:
      status === 'starting' || status === 'ready' || status === 'stopping' || status === 'standby' ? status : null,
  };
}

/** Does `pid` live, and is it a PostgreSQL started on `pgData`? `unknown`: it lives, and nobody can say what it is. */
export function identify(pid: number, pgData: string): 'ours' | 'other' | 'dead' | 'unknown' {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if (systemErrorCode(error) === 'ESRCH') return 'dead';
  }
  const commandLine = readCommandLine(pid);
  if (commandLine === null) return 'unknown';
  const [program = '', ...rest] = commandLine.split('\0');
  // `ps` gives one line instead of a list of arguments.
  const isOnPgData = rest.includes(pgData) || program.includes(` ${pgData} `);
  return isPostgres(commandLine) && isOnPgData ? 'ours' : 'other';
}

/** False when the process is gone for certain. Cheap enough to be asked every second. */
export function mayLive(pid: number, pgData: string): boolean {
  if (existsSync('/proc/self/cmdline')) return identify(pid, pgData) === 'ours';
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}

/** The postmaster runs as `/some/where/postgres -D …`, its children call themselves `postgres: …`. */
function isPostgres(commandLine: string): boolean {
  return /^([^\0]*[/\\])?postgres(\.exe)?[\0 :]/.test(commandLine);
}

/** Empty for a zombie, null where it cannot be known. */
function readCommandLine(pid: number): string | null {
  if (existsSync('/proc/self/cmdline')) {
    try {
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
    } catch {
      return null;
    }
  }
  if (process.platform === 'win32') return null;
  const { status, stdout } = spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 ? stdout : null;
}

/**
 * Makes PostgreSQL take a stale file as stale. It refuses to start while the file names a living process, whatever
 * that is, except itself and its parent, and we are its parent. The rest of the file stays: from the shared
 * memory key Postgres sees whether processes of the dead postmaster are still at work.
 */
export function disownPostmasterPid(pgData: string): void {
  const file = pidFile(pgData);
  if (readPostmasterPid(pgData) === null) {
    // Cut off in the middle of a write; Postgres refuses to start on a file without a pid.
    rmSync(file, { force: true });
    return;
  }
  const [, ...rest] = readFileSync(file, 'utf8').split('\n');
  // The folder belongs to another user: as root, never follow a link out of it.
  const noFollow = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW;
  const descriptor = openSync(file, constants.O_WRONLY | noFollow);
  try {
    ftruncateSync(descriptor, 0);
    writeSync(descriptor, [String(process.pid), ...rest].join('\n'));
  } finally {
    closeSync(descriptor);
  }
}

/** Processes of a PostgreSQL on `pgData`: they all work in that directory. Empty without /proc. */
export function processesOn(pgData: string): number[] {
  if (!existsSync('/proc/self/cwd')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // A shell or an editor may stand in the directory too.
        return readlinkSync(`/proc/${String(pid)}/cwd`) === pgData && isPostgres(readCommandLine(pid) ?? '');
      } catch {
        return false;
      }
    });
}
