/**
 * One PostgreSQL per data directory, shared by every process that uses it, stopped by the last one that leaves.
 *
 * Two kernel locks (file-lock.ts). `turn` is exclusive and held while Postgres is being started, joined or stopped, so
 * these happen one at a time. `users` is held shared by every process for as long as it uses the database; who gets it
 * exclusively, with `turn` in hand, knows that nobody else does and may start or stop. Death of any kind drops both.
 */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureDataDir } from '../data-directory/index.ts';
import {
  EMBEDDED_POSTGRES_JOIN_TIMEOUT_MS,
  EMBEDDED_POSTGRES_LOOK_INTERVAL_MS,
  EMBEDDED_POSTGRES_START_TIMEOUT_MS,
  EMBEDDED_POSTGRES_WATCH_INTERVAL_MS,
} from './limits.ts';
import { DATABASE, LOGIN_ROLE, SUPERUSER, urlFor } from './bootstrap.ts';
import { EmbeddedPostgresError } from './error.ts';
import { tryLock, type FileLock } from './file-lock.ts';
import type { Cluster } from './initdb.ts';
import { findRunning, startPostmaster, stopPostmaster, type Postmaster } from './postmaster.ts';
import { mayLive } from './postmaster-pid.ts';
import { probe } from './probe.ts';
import { readState, type ClusterState } from './state-file.ts';
import { locateCluster, startOrTakeOver, type Places } from './take-over.ts';

export interface EmbeddedPostgres {
  /** Superuser, for migrations. Both URLs name the database `rushes`. */
  readonly adminUrl: string;
  /** The application's login role, which may do what migrations grant it. */
  readonly appUrl: string;
  /** True when nobody else used the database at the time: this process started Postgres or took over a running one. */
  readonly owned: boolean;
  /** Stops using it, and stops Postgres if nobody else uses it. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** `places.dataDir` is made when missing. Throws EmbeddedPostgresError or DataDirError, meant for the operator to read. */
export async function openEmbeddedPostgres(options: Places): Promise<EmbeddedPostgres> {
  ensureDataDir(options.dataDir);
  // One directory, one name: the cluster's folder names its data directory, and links must not make two of it.
  const places = { ...options, dataDir: realpathSync(options.dataDir) };
  const deadline = performance.now() + EMBEDDED_POSTGRES_JOIN_TIMEOUT_MS;
  for (;;) {
    const opened = await tryOpen(places);
    if (opened !== null) return opened;
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        `another process uses the database of ${places.dataDir}, but this process cannot reach it. If that process runs in ` +
          'another container, run this command there, or let both use one PostgreSQL server through DATABASE_URL.',
      );
    }
    // Without the turn in hand, so that who uses the database can start it again.
    await sleep(EMBEDDED_POSTGRES_LOOK_INTERVAL_MS);
  }
}

/** Null when others use the database and it does not answer at this moment. */
async function tryOpen(places: Places): Promise<EmbeddedPostgres | null> {
  const { dataDir, logger } = places;
  const turn = await takeTurn(dataDir);
  try {
    const alone = tryLock(usersFile(dataDir), 'exclusive');
    try {
      const cluster = locateCluster(places);
      const postmaster =
        alone === null ? await findAnswering(cluster, dataDir) : await startOrTakeOver(cluster, dataDir, logger);
      if (postmaster === null) return null;
      // Nobody can come in between: that takes a turn.
      alone?.release();
      return new Use(places, cluster, postmaster, alone !== null);
    } finally {
      alone?.release();
    }
  } finally {
    turn.release();
  }
}

async function findAnswering(cluster: Cluster, dataDir: string): Promise<Postmaster | null> {
  const running = await findRunning(cluster);
  if (running === null) return null;
  const state = demandState(dataDir);
  const answer = await probe(urlFor(SUPERUSER, state.superuserPassword, running.port, 'postgres'), cluster.pgData);
  return answer === 'ours' ? running : null;
}

/** One process's use of the database, from open to close. */
class Use implements EmbeddedPostgres {
  readonly adminUrl: string;
  readonly appUrl: string;
  readonly owned: boolean;
  readonly #places: Places;
  readonly #cluster: Cluster;
  readonly #lock: FileLock;
  readonly #watch: NodeJS.Timeout;
  #postmaster: Postmaster;
  #revival: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(places: Places, cluster: Cluster, postmaster: Postmaster, owned: boolean) {
    const state = demandState(places.dataDir);
    const lock = tryLock(usersFile(places.dataDir), 'shared');
    if (lock === null)
      throw new EmbeddedPostgresError(`${usersFile(places.dataDir)} is locked by a program that is not rushes-server.`);
    this.#lock = lock;
    this.#places = places;
    this.#cluster = cluster;
    this.#postmaster = postmaster;
    this.owned = owned;
    this.adminUrl = urlFor(SUPERUSER, state.superuserPassword, postmaster.port, DATABASE);
    this.appUrl = urlFor(LOGIN_ROLE, state.loginPassword, postmaster.port, DATABASE);
    this.#watch = setInterval(() => {
      this.#look();
    }, EMBEDDED_POSTGRES_WATCH_INTERVAL_MS);
    this.#watch.unref();
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave().catch((error: unknown) => {
      this.#places.logger.error(
        { err: error },
        'PostgreSQL could not be stopped properly; the next start repairs this',
      );
    });
    return this.#closing;
  }

  async #leave(): Promise<void> {
    clearInterval(this.#watch);
    await this.#revival;
    this.#lock.release();
    const { dataDir, logger } = this.#places;
    const turn = await takeTurn(dataDir);
    try {
      const alone = tryLock(usersFile(dataDir), 'exclusive');
      if (alone === null) {
        logger.debug({ dataDir }, 'PostgreSQL keeps running: other processes use it, and the last one stops it');
        return;
      }
      try {
        await stopPostmaster(this.#cluster, logger);
      } finally {
        alone.release();
      }
    } finally {
      turn.release();
    }
  }

  /** Postgres restarts its own processes, but nobody restarts a postmaster that the kernel or an operator killed. */
  #look(): void {
    if (this.#revival !== null || mayLive(this.#postmaster.pid, this.#cluster.pgData)) return;
    this.#revival = this.#revive()
      .catch((error: unknown) => {
        this.#places.logger.error({ err: error }, 'PostgreSQL ended and could not be started again; trying again');
      })
      .finally(() => (this.#revival = null));
  }

  async #revive(): Promise<void> {
    const { dataDir, logger } = this.#places;
    const turn = await takeTurn(dataDir);
    try {
      const { port, pid } = this.#postmaster;
      logger.error({ pid }, 'PostgreSQL ended unexpectedly');
      const revived = (await findRunning(this.#cluster)) ?? (await startPostmaster(this.#cluster, port, logger));
      this.#postmaster = revived;
      if (revived.port !== port)
        logger.error({ before: port, now: revived.port }, 'PostgreSQL has another port now; restart this process');
    } finally {
      turn.release();
    }
  }
}

function usersFile(dataDir: string): string {
  return path.join(dataDir, 'postgres-users.lock');
}

async function takeTurn(dataDir: string): Promise<FileLock> {
  const file = path.join(dataDir, 'postgres-turn.lock');
  // The one before may be in the middle of its own longest wait.
  const deadline = performance.now() + 2 * EMBEDDED_POSTGRES_START_TIMEOUT_MS;
  for (;;) {
    const turn = tryLock(file, 'exclusive');
    if (turn !== null) return turn;
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        `another process has been starting or stopping the database of ${dataDir} for minutes: look for a rushes-server process that hangs, and end it.`,
      );
    }
    await sleep(EMBEDDED_POSTGRES_LOOK_INTERVAL_MS);
  }
}

function demandState(dataDir: string): ClusterState {
  const state = readState(dataDir);
  if (state === null)
    throw new EmbeddedPostgresError(
      `${path.join(dataDir, 'postgres.json')} was removed while the database is in use: stop the server and start it again; the start creates a new file.`,
    );
  return state;
}
