/** Real processes of rushes-server, to be killed, stopped and continued by tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const READY_TIMEOUT_MS = 60_000;

export interface ServerProcess {
  /** Address from its ready line; null for a worker. */
  readonly url: string | null;
  readonly pid: number;
  /** Everything it wrote to standard error so far. */
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code, or null after a signal. */
  exited(): Promise<number | null>;
  /** SIGKILL, then waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, then waits for the end. */
  stop(): Promise<number | null>;
}

export interface ServerProcessOptions {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The environment of a child: ours without anything that configures a server or a client. */
function cleanEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(RUSHES_|DATABASE_|GRSAI_|VITEST|NODE_OPTIONS)/.test(name),
  );
  return { ...Object.fromEntries(kept), RUSHES_LOG_LEVEL: 'warn', ...extra };
}

/** Starts `rushes-server WORDS…` and resolves when it prints that it is ready. */
export async function startProcess(words: readonly string[], options: ServerProcessOptions): Promise<ServerProcess> {
  const child = spawn(process.execPath, [MAIN, ...words, '--data-dir', options.dataDir], {
    env: cleanEnvironment(options.env ?? {}),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = exitOf(child);
  const ready = new Promise<string>((resolve, reject) => {
    let out = '';
    const timer = setTimeout(
      () => reject(new Error(`${words.join(' ')} was not ready in time:\n${log}`)),
      READY_TIMEOUT_MS,
    );
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const line = /^Rushes .*ready.*$/m.exec(out)?.[0];
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(line);
    });
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`${words.join(' ')} ended with ${String(code)} before it was ready:\n${log}`));
    });
  });
  const line = await ready;
  const { pid } = child;
  if (pid === undefined) throw new Error('a started process has a pid');
  return {
    url: /https?:\S+/.exec(line)?.[0] ?? null,
    pid,
    log: () => log,
    signal: (name) => void process.kill(pid, name),
    exited: () => ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', reject);
  });
}

/** Runs an operator command to its end. Rejects unless it exits with 0. */
export async function runCommand(words: readonly string[], options: ServerProcessOptions): Promise<string> {
  const { code, out, log } = await tryCommand(words, options);
  if (code !== 0) throw new Error(`rushes-server ${words.join(' ')} exited with ${String(code)}:\n${log}`);
  return out;
}

async function tryCommand(
  words: readonly string[],
  options: ServerProcessOptions,
): Promise<{ readonly code: number | null; readonly out: string; readonly log: string }> {
  const child = spawn(process.execPath, [MAIN, ...words, '--data-dir', options.dataDir], {
    env: cleanEnvironment(options.env ?? {}),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  return { code: await exitOf(child), out, log };
}

export interface NewAccount {
  readonly account_id: string;
  readonly api_key: string;
}

export async function createAccount(options: ServerProcessOptions, flags: readonly string[]): Promise<NewAccount> {
  return JSON.parse(await runCommand(['account', 'create', '--json', ...flags], options)) as NewAccount;
}

/** A directory of its own under the system's temporary one. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const directory = mkdtempSync(path.join(tmpdir(), 'rushes-test-'));
  return { path: directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Waits until `probe` gives something; fails after `ms`. The condition decides, the time only bounds it. */
export async function eventually<T>(what: string, ms: number, probe: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
