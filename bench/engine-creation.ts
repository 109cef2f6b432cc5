/** The creation of a batch against COPY: `post-batch.ts`, which measures a built server process. */
import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import path from 'node:path';
import type { Options } from './engine-options.ts';

export function compareCreation({ creations }: Options): void {
  const root = path.resolve(import.meta.dirname, '..');
  const run = (command: string, args: readonly string[]): void => {
    const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
  };
  console.log(`\nd) creation of a batch against COPY (aim: 1.5), load ${loadavg()[0]?.toFixed(2) ?? '?'}\n`);
  // The server process that it starts is the build.
  run('npm', ['run', '--silent', 'build']);
  run(process.execPath, ['bench/post-batch.ts', String(creations)]);
}
