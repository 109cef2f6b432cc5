/** Brings up the PostgreSQL of a data directory that nobody uses: made, found running, or started. */
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EMBEDDED_POSTGRES_IMMEDIATE_STOP_TIMEOUT_MS, EMBEDDED_POSTGRES_LOOK_INTERVAL_MS } from './limits.ts';
import type { Logger } from '../ports.ts';
import { findBinaries } from './binaries.ts';
import { bootstrap, SUPERUSER, urlFor } from './bootstrap.ts';
import { EmbeddedPostgresError } from './error.ts';
import { checkCluster, makeCluster, setSuperuserPassword, type Cluster } from './initdb.ts';
import { clusterHome, ensureClusterHome } from './location.ts';
import { canReach, chooseOsUser } from './os-user.ts';
import { clearRemains, findRunning, startPostmaster, stopPostmaster, type Postmaster } from './postmaster.ts';
import { probe, type ProbeResult } from './probe.ts';
import { newState, readState, writeState, type ClusterState } from './state-file.ts';

export interface Places {
  readonly dataDir: string;
  readonly logger: Logger;
  /** Where a cluster goes when Postgres' OS user cannot reach the data directory; only ever used as root. */
  readonly systemStateDir?: string;
  /** Where the programs go when that user cannot reach the installed ones; only ever used as root. */
  readonly systemCacheDir?: string;
  /** PostgreSQL's programs, instead of the installed package's. */
  readonly nativeDir?: string;
}

/** Where everything is; makes folders, starts nothing. */
export function locateCluster({
  dataDir,
  logger,
  systemStateDir = '/var/lib/rushes',
  systemCacheDir = '/var/cache/rushes',
  nativeDir,
}: Places): Cluster {
  const user = chooseOsUser([path.join(clusterHome(dataDir), 'data'), dataDir], logger);
  const home = ensureClusterHome(dataDir, user, systemStateDir, logger);
  const copyTo = [...(user === null ? [] : [systemCacheDir]), ...(canReach(user, dataDir) ? [dataDir] : [])];
  const binaries = findBinaries({ user, copyTo, logger, nativeDir });
  return { binaries, user, pgData: path.join(realpathSync(home), 'data'), logFile: path.join(dataDir, 'postgres.log') };
}

/** Call with nobody else using the database. The postmaster returned is ours, answers, and has its database and roles. */
export async function startOrTakeOver(cluster: Cluster, dataDir: string, logger: Logger): Promise<Postmaster> {
  const state = ensureCluster(cluster, dataDir);
  const running = await findRunning(cluster);
  const postmaster =
    running !== null && (await takeOver(running, cluster, state.current, logger))
      ? running
      : await startAndVerify(cluster, state, logger);
  writeState(dataDir, { ...state.current, port: postmaster.port });
  await bootstrap(state.current, postmaster.port);
  return postmaster;
}

interface KnownState {
  readonly current: ClusterState;
  /** The passwords are new: the cluster does not know them yet. */
  readonly isNew: boolean;
}

function ensureCluster(cluster: Cluster, dataDir: string): KnownState {
  const known = readState(dataDir);
  if (existsSync(cluster.pgData)) {
    checkCluster(cluster);
    if (known !== null) return { current: known, isNew: false };
    const current = newState();
    writeState(dataDir, current);
    return { current, isNew: true };
  }
  if (known !== null && known.port !== null) {
    throw new EmbeddedPostgresError(
      `the database of ${dataDir} is gone: ${cluster.pgData} does not exist. Put it back or restore a backup. ` +
        `To start with an empty database, remove ${path.join(dataDir, 'postgres.json')}.`,
    );
  }
  const current = known ?? newState();
  writeState(dataDir, current);
  makeCluster(cluster, current.superuserPassword);
  return { current, isNew: false };
}

/** False when the running one cannot be used, and then it has been stopped. */
async function takeOver(running: Postmaster, cluster: Cluster, state: ClusterState, logger: Logger): Promise<boolean> {
  const answer = await settledProbe(state, running.port, cluster.pgData);
  if (answer === 'ours') {
    logger.info(
      { port: running.port, pid: running.pid },
      'took over the PostgreSQL that an earlier process left running',
    );
    return true;
  }
  logger.warn(
    { port: running.port, pid: running.pid, answer },
    'the PostgreSQL that an earlier process left running does not answer as expected; restarting it',
  );
  await stopPostmaster(cluster, logger);
  return false;
}

async function startAndVerify(cluster: Cluster, { current, isNew }: KnownState, logger: Logger): Promise<Postmaster> {
  if (isNew) await replacePassword(cluster, current, logger);
  const postmaster = await startPostmaster(cluster, current.port, logger);
  const answer = await settledProbe(current, postmaster.port, cluster.pgData);
  if (answer === 'ours') return postmaster;
  await stopPostmaster(cluster, logger);
  if (answer !== 'wrong_password' || isNew) {
    throw new EmbeddedPostgresError(
      `PostgreSQL started on ${cluster.pgData} but did not answer (${answer}). See its log, ${cluster.logFile}.`,
    );
  }
  return startAndVerify(cluster, { current, isNew: true }, logger);
}

async function replacePassword(cluster: Cluster, state: ClusterState, logger: Logger): Promise<void> {
  logger.warn({ pgData: cluster.pgData }, 'postgres.json was lost or does not fit the database; setting new passwords');
  await clearRemains(cluster, logger);
  setSuperuserPassword(cluster, state.superuserPassword);
}

/** Gives one that is just coming up the time to do so. */
async function settledProbe(state: ClusterState, port: number, pgData: string): Promise<ProbeResult> {
  const deadline = performance.now() + EMBEDDED_POSTGRES_IMMEDIATE_STOP_TIMEOUT_MS;
  for (;;) {
    const answer = await probe(urlFor(SUPERUSER, state.superuserPassword, port, 'postgres'), pgData);
    if (answer === 'ours' || answer === 'wrong_password' || performance.now() > deadline) return answer;
    await sleep(EMBEDDED_POSTGRES_LOOK_INTERVAL_MS);
  }
}
