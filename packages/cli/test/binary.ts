import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { API_KEY, type Ended, type RunOptions, scratchFolder } from './rushes.ts';

const PACKAGE = join(import.meta.dirname, '..');
const BIN = join(PACKAGE, 'bin', 'rushes.js');
const BUILD = join(PACKAGE, 'dist', 'run.cjs');

/** These tests run what is shipped; a build that is older than its sources would make them lie. */
function demandFreshBuild(): void {
  const built = existsSync(BUILD) ? statSync(BUILD).mtimeMs : 0;
  for (const entry of readdirSync(join(PACKAGE, 'src'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.test.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    if (statSync(file).mtimeMs > built)
      throw new Error(`${file} is newer than the build: npm run build -w packages/cli`);
  }
}

demandFreshBuild();

interface BinaryOptions extends RunOptions {
  /** An open file in place of a pipe. */
  readonly stdout?: number;
}

interface BinaryEnded extends Ended {
  readonly signal: NodeJS.Signals | null;
}

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exit: Promise<Pick<BinaryEnded, 'code' | 'signal'>>;
  /** Reads what it writes too. */
  readonly ended: Promise<BinaryEnded>;
}

/** Starts the shipped bin with an environment in which nothing of the machine's own settings shows. */
export function startBinary(argv: readonly string[], options: BinaryOptions = {}): Started {
  const home = scratchFolder();
  const env: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    RUSHES_API_KEY: API_KEY,
    ...(options.server === undefined ? {} : { RUSHES_BASE_URL: options.server.url }),
    ...options.env,
  };
  const stdout = options.stdout ?? 'pipe';
  const child = spawn(process.execPath, [BIN, ...argv], {
    cwd: options.cwd ?? home,
    env,
    stdio: ['pipe', stdout, 'pipe'],
  }) as ChildProcessWithoutNullStreams;
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const exit = new Promise<Pick<BinaryEnded, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const ended = Promise.all([exit, stdout === 'pipe' ? text(child.stdout) : '', text(child.stderr)]).then(
    ([how, written, stderr]) => ({
      ...how,
      stdout: written,
      stderr,
    }),
  );
  // A test that closes stdout itself waits for `exit` alone.
  ended.catch(() => undefined);
  return { child, exit, ended };
}
