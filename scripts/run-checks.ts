/** Runs named commands, a few at a time, and tells how each ended: one line as it ends, the output of failures last. */
import { spawn } from 'node:child_process';
import path from 'node:path';

export interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Relative to the root; the root when missing. */
  readonly folder?: string;
}

export interface RunOptions {
  readonly root: string;
  /** How many may run at the same time. */
  readonly atOnce: number;
  readonly write: (text: string) => void;
}

interface Outcome {
  readonly name: string;
  readonly isOk: boolean;
  readonly output: string;
}

/** Resolves to the names of the checks that failed, after all have run. */
export async function runChecks(checks: readonly Check[], options: RunOptions): Promise<string[]> {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const waiting = [...checks];
  const failures: Outcome[] = [];
  const runOneAfterAnother = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const startedMs = performance.now();
      const outcome = await run(check, options.root);
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      options.write(`${check.name.padEnd(width)}  ${outcome.isOk ? 'ok    ' : 'failed'}  ${seconds.padStart(5)} s\n`);
      if (!outcome.isOk) failures.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, runOneAfterAnother));
  for (const { name, output } of failures) options.write(`\n--- ${name}\n${output.trimEnd()}\n`);
  return failures.map(({ name }) => name);
}

function run(check: Check, root: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(check.command, check.args, {
      cwd: path.join(root, check.folder ?? '.'),
      env: environment(root),
      stdio: ['ignore', 'pipe', 'pipe'],
      // npm's commands are .cmd files there, which only a shell can start.
      shell: process.platform === 'win32',
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) =>
      resolve({ name: check.name, isOk: false, output: `could not start ${check.command}: ${error.message}` }),
    );
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString();
      const silent = `${check.command} ended ${signal === null ? `with code ${String(code)}` : `by ${signal}`} and said nothing`;
      resolve({ name: check.name, isOk: code === 0, output: output.trim() === '' ? silent : output });
    });
  });
}

/** With the installed commands, the pinned Node among them, in front of the host's. */
export function environment(root: string): NodeJS.ProcessEnv {
  const installed = path.join(root, 'node_modules', '.bin');
  return { ...process.env, PATH: `${installed}${path.delimiter}${process.env['PATH'] ?? ''}` };
}
