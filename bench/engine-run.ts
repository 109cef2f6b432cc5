/** The measuring side of one run: starts a contender's process, gives the word, and takes down what it and PostgreSQL used. */
import { fork, type ChildProcess } from 'node:child_process';
import { loadavg } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster } from './engine-cluster.ts';
import type { Outcome } from './engine-measured.ts';
import { printProfile } from './engine-profile.ts';

export interface Run<R> {
  readonly seconds: number;
  readonly processCpuSeconds: number;
  /** Of the contender's process at its peak. */
  readonly residentMiB: number;
  readonly postgresCpuSeconds: number;
  /** Of the minute before it began. */
  readonly loadBefore: number;
  readonly report: R;
}

/** A run under way. */
export interface Running<R> {
  readonly finished: Promise<Run<R>>;
  /** Ends it before its time, for what has been seen by then. */
  stop(): void;
}

export interface RunOptions {
  readonly cluster: Cluster;
  /** The contender's file, beside this one. */
  readonly file: string;
  readonly settings: unknown;
  /** Names the profile. */
  readonly label: string;
  readonly profileDir: string | null;
}

/** Starts a run; resolves when the contender is off. */
export async function begin<R>({ cluster, file, settings, label, profileDir }: RunOptions): Promise<Running<R>> {
  const profileName = `${label.replaceAll(/[^a-z0-9]+/gi, '-')}.cpuprofile`;
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(settings)], {
    execArgv:
      profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${profileName}`],
    // Output of a contender that is no error would blur the table.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await next(child, (message) => message === 'ready');
  } catch (error) {
    child.kill();
    throw error;
  }
  const loadBefore = loadavg()[0] ?? Number.NaN;
  await cluster.resetStatements();
  const postgresBefore = cluster.cpuSeconds();
  const done = next(child, (message): message is Outcome<R> => (message as Outcome<R>).kind === 'done');
  child.send('go');
  const finish = async (): Promise<Run<R>> => {
    try {
      const outcome = (await done) as Outcome<R>;
      const postgresCpuSeconds = cluster.cpuSeconds() - postgresBefore;
      const statements = await cluster.costliestStatements();
      await exited;
      if (profileDir !== null) printProfile(label, path.join(profileDir, profileName), statements);
      return {
        seconds: outcome.seconds,
        processCpuSeconds: outcome.cpuSeconds,
        residentMiB: outcome.residentMiB,
        postgresCpuSeconds,
        loadBefore,
        report: outcome.report,
      };
    } catch (error) {
      child.kill();
      await exited;
      throw error;
    }
  };
  const finished = finish();
  // Whoever began the run waits for it later; until then its failure is nobody's surprise.
  finished.catch(() => undefined);
  return {
    finished,
    stop: () => {
      if (child.connected) child.send('stop');
    },
  };
}

/** A run from the word to its end. */
export async function perform<R>(options: RunOptions): Promise<Run<R>> {
  return (await begin<R>(options)).finished;
}

function next(child: ChildProcess, isIt: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (isIt(message)) resolve(message);
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`${child.spawnargs[1] ?? 'a contender'} ended with ${code} before it was done`)),
    );
  });
}
