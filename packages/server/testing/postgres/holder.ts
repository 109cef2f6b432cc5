/** Processes that use an embedded database, and scratch data directories, cleaned up after each test. */
import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterAll, onTestFinished } from 'vitest';
import { silentLogger } from '../silent-logger.ts';
import { openEmbeddedPostgres } from '../../src/postgres/open.ts';
import { processesOn, readPostmasterPid } from '../../src/postgres/postmaster-pid.ts';
import type { HolderOptions, HolderReport } from './hold-postgres.ts';

export type Opened = Extract<HolderReport, { kind: 'open' }>;

export interface Holder {
  readonly child: ChildProcess;
  readonly report: Promise<HolderReport>;
  /** Rejects with the message when it could not open the database. */
  readonly opened: Promise<Opened>;
  /** Lets it close the database and end. */
  close(): Promise<void>;
  kill(): Promise<void>;
}

/** Starts a process that opens the database. */
export function startHolder(options: HolderOptions, spawnOptions: SpawnOptions = {}): Holder {
  const script = fileURLToPath(new URL('./hold-postgres.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    ...spawnOptions,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const report = firstLine(child);
  const opened = report.then((line) => {
    if (line.kind === 'open') return line;
    throw new Error(`${line.name}: ${line.message}`);
  });
  // Not every test looks at it.
  opened.catch(() => undefined);
  return {
    child,
    report,
    opened,
    close: async () => {
      child.stdin?.write('close\n');
      await exited;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<HolderReport> {
  if (child.stdout === null) throw new Error('no standard output');
  for await (const line of createInterface(child.stdout)) return JSON.parse(line) as HolderReport;
  throw new Error('the process ended without a word');
}

/** An empty directory whose Postgres, if one is left there, is killed and which is removed at the end of the test. */
export function scratchDir(mode = 0o755): string {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'rushes-embedded-')));
  chmodSync(directory, mode);
  onTestFinished(async () => {
    for (const home of [path.join(directory, 'data-dir'), directory]) await killPostgres(pgDataOf(home));
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return directory;
}

let template: Promise<string> | null = null;

afterAll(async () => {
  if (template !== null) rmSync(path.dirname(await template), { recursive: true, force: true });
});

/** Made once per test file: initdb is the expensive part of every test here. */
async function makeTemplate(): Promise<string> {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'rushes-embedded-template-')));
  const dataDir = path.join(directory, 'data-dir');
  chmodSync(directory, 0o755);
  await (await openEmbeddedPostgres({ dataDir, logger: silentLogger })).close();
  return dataDir;
}

/** A scratch directory with a stopped database that was in use before. */
export async function usedDataDir(): Promise<string> {
  template ??= makeTemplate();
  const dataDir = scratchDir();
  // Node's cp does not keep owners.
  const { status } = spawnSync('cp', ['-a', `${await template}/.`, dataDir]);
  if (status !== 0) throw new Error('cp failed');
  return dataDir;
}

export function pgDataOf(dataDir: string): string {
  const pointer = path.join(dataDir, 'postgres.location');
  const home = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : path.join(dataDir, 'postgres');
  return path.join(home, 'data');
}

async function killPostgres(pgData: string): Promise<void> {
  for (let left = processesOn(pgData); left.length > 0; left = processesOn(pgData)) {
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Everything of Postgres that runs on the data directory. */
export function processesOfScratch(dataDir: string): number[] {
  return processesOn(pgDataOf(dataDir));
}

export function postmasterOf(dataDir: string): number {
  const found = readPostmasterPid(pgDataOf(dataDir));
  if (found === null) throw new Error(`no postmaster.pid in ${pgDataOf(dataDir)}`);
  return found.pid;
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function answers(url: string): Promise<boolean> {
  return query(url, 'SELECT 1').then(
    () => true,
    () => false,
  );
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
