import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { AbortError } from '@rushes/sdk';
import { onTestFinished } from 'vitest';
import { runCli } from '../src/cli.ts';
import type { CliContext, Clock } from '../src/context.ts';
import { Files } from '../src/files/files.ts';

export const API_KEY = 'rk_test_0000000000000000000000000000000000000000';

export interface RunOptions {
  /** Besides HOME and the key; undefined takes one of them away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  readonly server?: { readonly url: string };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs in this process. */
export interface Running {
  /** What it wrote so far. */
  stdout(): string;
  stderr(): string;
  /** What the first Ctrl-C does. */
  interrupt(): void;
  readonly ended: Promise<Ended>;
}

/** A folder that is gone after the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rushes-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Real waiting for each wait of the program, however long: enough for others to have their turn. */
const TURN_MS = 1;

/** A clock on which every wait is over at once, and on which it then is later. */
function fastClock(): Clock {
  let skippedMs = 0;
  return {
    monotonicMs: () => performance.now() + skippedMs,
    nowMs: () => Date.now() + skippedMs,
    async sleep(ms, signal) {
      await wait(TURN_MS, undefined, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
        throw new AbortError('The wait was interrupted.', { cause });
      });
      skippedMs += ms;
    },
    fraction: () => 0.5,
    uuid: () => crypto.randomUUID(),
    every: () => () => undefined,
  };
}

function collect(stream: PassThrough): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

/** Runs a command in this process, on a machine in which nothing of the real one's settings shows. */
export function startRushes(argv: readonly string[], options: RunOptions = {}): Running {
  const home = scratchFolder();
  const environment: Record<string, string | undefined> = {
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    RUSHES_API_KEY: API_KEY,
    ...(options.server === undefined ? {} : { RUSHES_BASE_URL: options.server.url }),
    ...options.env,
  };
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [written, noted] = [collect(stdout), collect(stderr)];
  const interrupt = new AbortController();
  onTestFinished(() => interrupt.abort());
  const context: CliContext = {
    environment,
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
    stdout,
    stderr,
    files: new Files({
      folder: options.cwd ?? home,
      home: environment['HOME'] ?? home,
      runId: crypto.randomUUID(),
      hasModes: process.platform !== 'win32',
    }),
    clock: fastClock(),
    fetch: globalThis.fetch,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    listenForInterrupt: () => interrupt.signal,
    exit: (code) => {
      throw new Error(`The command ended the program with ${code}.`);
    },
    platform: 'test-machine',
  };
  const ended = runCli(argv, context).then((code) => ({ code, stdout: written(), stderr: noted() }));
  return { stdout: written, stderr: noted, interrupt: () => interrupt.abort(new Error('SIGINT')), ended };
}

/** Runs a command in this process to its end. */
export async function rushes(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startRushes(argv, options).ended;
}
