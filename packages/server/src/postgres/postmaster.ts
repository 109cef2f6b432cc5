/** Starts, finds and stops the PostgreSQL of one cluster. Call under the lock only. */
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { explained, giveToDirectoryOwner } from '../data-directory/index.ts';
import {
  EMBEDDED_POSTGRES_IMMEDIATE_STOP_TIMEOUT_MS,
  EMBEDDED_POSTGRES_LOG_MAX_BYTES,
  EMBEDDED_POSTGRES_LOOK_INTERVAL_MS,
  EMBEDDED_POSTGRES_PORT_ATTEMPTS,
  EMBEDDED_POSTGRES_START_TIMEOUT_MS,
  EMBEDDED_POSTGRES_STOP_TIMEOUT_MS,
} from './limits.ts';
import type { Logger } from '../ports.ts';
import { EmbeddedPostgresError } from './error.ts';
import type { Cluster } from './initdb.ts';
import { freePort } from './port.ts';
import { disownPostmasterPid, identify, processesOn, readPostmasterPid } from './postmaster-pid.ts';
import { cleanEnvironment, settingsArguments } from './settings.ts';
import { adviceOn, isPortTaken, isSharedMemoryInUse } from './start-failure.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/**
 * The running PostgreSQL of the cluster, whoever started it, or null when there is none or it hangs. Waits for one that
 * is starting or stopping.
 */
export async function findRunning({ pgData }: Cluster): Promise<Postmaster | null> {
  const began = performance.now();
  for (;;) {
    const found = readPostmasterPid(pgData);
    const patienceMs =
      found?.status === 'stopping' ? EMBEDDED_POSTGRES_STOP_TIMEOUT_MS : EMBEDDED_POSTGRES_START_TIMEOUT_MS;
    if (performance.now() - began > patienceMs) return null;
    if (found === null || identify(found.pid, pgData) !== 'ours') return null;
    if (found.status === 'ready' && found.port !== null) return { pid: found.pid, port: found.port };
    await sleep(EMBEDDED_POSTGRES_LOOK_INTERVAL_MS);
  }
}

/** Starts PostgreSQL and resolves when it takes connections. Clears away what a crash left behind. */
export async function startPostmaster(
  cluster: Cluster,
  preferredPort: number | null,
  logger: Logger,
): Promise<Postmaster> {
  const startedMs = performance.now();
  await clearRemains(cluster, logger);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? preferredPort : null);
    if (port === null)
      throw new EmbeddedPostgresError(
        'no free port on 127.0.0.1 for PostgreSQL: stop something that listens there, or set DATABASE_URL.',
      );
    const outcome = await tryStart(cluster, port);
    if (outcome.kind === 'ready') {
      logger.info(
        { port, pid: outcome.pid, duration_ms: Math.round(performance.now() - startedMs) },
        'PostgreSQL started',
      );
      return { pid: outcome.pid, port };
    }
    const isWorthAnotherTry = isPortTaken(outcome.output) || isSharedMemoryInUse(outcome.output);
    if (!isWorthAnotherTry || attempt === EMBEDDED_POSTGRES_PORT_ATTEMPTS) {
      throw new EmbeddedPostgresError(
        `PostgreSQL did not start on ${cluster.pgData}: ${outcome.reason}.${adviceOn(outcome.output)} ` +
          `Its log, ${cluster.logFile}, ends with:\n${outcome.output}`,
      );
    }
    if (isSharedMemoryInUse(outcome.output)) await clearRemains(cluster, logger);
  }
}

type StartOutcome =
  | { readonly kind: 'ready'; readonly pid: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly output: string };

async function tryStart({ binaries, user, pgData, logFile }: Cluster, port: number): Promise<StartOutcome> {
  const log = openLog(logFile);
  const child = spawn(binaries.postgres, ['-D', pgData, ...settingsArguments(port)], {
    ...(user ?? {}),
    cwd: pgData,
    env: cleanEnvironment(),
    // A session of its own: Ctrl-C in our terminal must reach us, who drain, and not the database under us.
    detached: true,
    windowsHide: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
  });
  closeSync(log.descriptor);
  const ends: string[] = [];
  child.once('error', (error) => ends.push(error.message));
  child.once('exit', (code, signal) =>
    ends.push(code === null ? `ended by ${String(signal)}` : `exit code ${String(code)}`),
  );
  child.unref();
  const deadline = performance.now() + EMBEDDED_POSTGRES_START_TIMEOUT_MS;
  while (ends.length === 0 && performance.now() < deadline) {
    const found = readPostmasterPid(pgData);
    if (found !== null && found.pid === child.pid && found.status === 'ready') return { kind: 'ready', pid: found.pid };
    await sleep(EMBEDDED_POSTGRES_LOOK_INTERVAL_MS);
  }
  if (ends.length === 0) child.kill('SIGQUIT');
  return {
    kind: 'failed',
    reason: ends[0] ?? `not ready after ${String(EMBEDDED_POSTGRES_START_TIMEOUT_MS / 1000)} s`,
    output: lastLines(logFile, log.size),
  };
}

function openLog(logFile: string): { descriptor: number; size: number } {
  return explained(logFile, () => {
    const old = statSync(logFile, { throwIfNoEntry: false });
    const isFull = old !== undefined && old.size > EMBEDDED_POSTGRES_LOG_MAX_BYTES;
    if (isFull) renameSync(logFile, `${logFile}.old`);
    const descriptor = openSync(logFile, 'a', 0o600);
    giveToDirectoryOwner(descriptor, path.dirname(logFile));
    return { descriptor, size: isFull ? 0 : (old?.size ?? 0) };
  });
}

const QUOTED_LINES = 15;

function lastLines(logFile: string, from: number): string {
  const text = existsSync(logFile) ? readFileSync(logFile).subarray(from).toString('utf8') : '';
  return text.trim().split('\n').slice(-QUOTED_LINES).join('\n');
}

/**
 * After a SIGKILL of the postmaster, backends that are busy live on and would write beside the new one's. PostgreSQL
 * refuses to start next to them; they have no one to answer to any more, so they are ended.
 */
export async function clearRemains({ pgData }: Cluster, logger: Logger): Promise<void> {
  if (existsSync(path.join(pgData, 'postmaster.pid'))) disownPostmasterPid(pgData);
  const deadline = performance.now() + EMBEDDED_POSTGRES_IMMEDIATE_STOP_TIMEOUT_MS;
  let signal: 'SIGQUIT' | 'SIGKILL' = 'SIGQUIT';
  for (;;) {
    const left = processesOn(pgData);
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        `processes of a crashed PostgreSQL still use ${pgData} and cannot be ended: ${left.join(', ')}. End them and start again.`,
      );
    }
    logger.warn({ pids: left, signal }, 'ending processes of a PostgreSQL that crashed');
    for (const pid of left) signalIfThere(pid, signal);
    // A backend answers SIGQUIT at once unless it is stuck.
    const patience = performance.now() + 1_000;
    while (processesOn(pgData).length > 0 && performance.now() < patience)
      await sleep(EMBEDDED_POSTGRES_LOOK_INTERVAL_MS);
    signal = 'SIGKILL';
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has gone in the meantime.
  }
}

/** Stops PostgreSQL: open transactions are rolled back, then a checkpoint; without one if that takes too long. */
export async function stopPostmaster(cluster: Cluster, logger: Logger): Promise<void> {
  const found = readPostmasterPid(cluster.pgData);
  if (found === null || identify(found.pid, cluster.pgData) === 'dead') return;
  if (await pgCtlStop(cluster, 'fast', EMBEDDED_POSTGRES_STOP_TIMEOUT_MS)) return;
  logger.warn(
    { pid: found.pid },
    'PostgreSQL did not stop in time and is stopped without a checkpoint; the next start replays its log',
  );
  if (await pgCtlStop(cluster, 'immediate', EMBEDDED_POSTGRES_IMMEDIATE_STOP_TIMEOUT_MS)) return;
  if (identify(found.pid, cluster.pgData) !== 'ours') return;
  signalIfThere(found.pid, 'SIGKILL');
  logger.error({ pid: found.pid }, 'PostgreSQL had to be killed; the next start repairs this');
}

async function pgCtlStop(
  { binaries, user, pgData }: Cluster,
  mode: 'fast' | 'immediate',
  timeoutMs: number,
): Promise<boolean> {
  const args = ['stop', `--pgdata=${pgData}`, `--mode=${mode}`, `--timeout=${String(timeoutMs / 1000)}`, '--silent'];
  return new Promise((resolve) => {
    execFile(
      binaries.pgCtl,
      args,
      { ...(user ?? {}), env: cleanEnvironment(), cwd: path.parse(pgData).root },
      (error) => {
        resolve(error === null);
      },
    );
  });
}
