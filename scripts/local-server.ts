/** A development server as a child process, for `npm run demo` and `npm start`. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVER_BIN = path.join(ROOT, 'packages/server/bin/rushes-server.js');
export const CLI_BIN = path.join(ROOT, 'packages/cli/bin/rushes.js');
const BUILDS = ['packages/sdk/dist/index.js', 'packages/server/dist/main.js', 'packages/cli/dist/run.cjs'];

/** Builds the packages unless every build is there. */
export function buildWhatIsMissing(): void {
  if (BUILDS.every((file) => existsSync(path.join(ROOT, file)))) return;
  console.error('Building the packages (once)…');
  const built = spawnSync('npm', ['run', 'build', '--silent'], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (built.status !== 0) throw new Error('the build failed; run "npm run build" to see why');
}

export interface LocalServer {
  readonly url: string;
  readonly pid: number;
  /** Resolves when it ended by itself. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

type Settings = Readonly<Record<string, string>>;

/** Settings of the caller's shell for a real server must not leak into a trial. */
function environment(settings: Settings): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(RUSHES_|DATABASE_|GRSAI_)/.test(name));
  return { ...Object.fromEntries(kept), ...settings };
}

/** Starts `rushes-server start` and waits for its ready line. */
export async function startServer(
  dataDir: string,
  port: number,
  settings: Settings,
  role: 'all' | 'api' = 'all',
): Promise<LocalServer> {
  const words = ['start', '--role', role, '--port', String(port), '--data-dir', dataDir];
  const child = spawn(process.execPath, [SERVER_BIN, ...words], {
    env: environment(settings),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = exitCode(child);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const ready = /^Rushes ready at (\S+)$/m.exec(text)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    void ended.then((code) => reject(new Error(`the server ended with ${String(code)} before it was ready`)), reject);
  });
  return {
    url,
    pid: child.pid ?? 0,
    ended,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs an operator command and returns what it printed. Throws when it fails. */
export async function operate(words: readonly string[], dataDir: string, settings: Settings): Promise<string> {
  const child = spawn(process.execPath, [SERVER_BIN, ...words, '--data-dir', dataDir], {
    env: environment(settings),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await exitCode(child);
  if (code !== 0) throw new Error(`rushes-server ${words.join(' ')} ended with ${String(code)}: ${text}`);
  return text.trim();
}

export function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('close', (code) => resolve(code));
    child.once('error', reject);
  });
}

export interface LocalAccount {
  readonly account_id: string;
  readonly api_key: string;
}
