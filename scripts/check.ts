/** `npm run check`: everything about the code that can be found out without running it. */
import path from 'node:path';
import { runChecks, type Check } from './run-checks.ts';

const root = path.resolve(import.meta.dirname, '..');

function types(name: string, project: string): Check {
  const cache = `node_modules/.cache/tsc/${name}.tsbuildinfo`;
  return { name: `types ${name}`, command: 'tsc', args: ['-p', project, '--incremental', '--tsBuildInfoFile', cache] };
}

/** The longest first, so that the short ones fill the time beside them. */
const CHECKS: readonly Check[] = [
  { name: 'lint', command: 'eslint', args: ['.', '--max-warnings=0'] },
  types('server', 'packages/server'),
  types('sdk', 'packages/sdk'),
  types('cli', 'packages/cli'),
  types('contract', 'packages/contract'),
  types('simulation', 'packages/simulation'),
  types('examples', 'examples'),
  types('tooling', '.'),
  { name: 'format', command: 'prettier', args: ['--check', '--log-level=warn', '.'] },
  {
    name: 'rooms',
    command: 'depcruise',
    args: ['--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', 'packages', 'examples', 'scripts'],
  },
  { name: 'unused', command: 'knip', args: ['--no-progress'] },
  {
    name: 'sdk package',
    command: 'npm',
    args: ['run', '--silent', '--if-present', 'check:package'],
    folder: 'packages/sdk',
  },
  { name: 'lock file', command: 'node', args: ['scripts/check-lock-file.ts'] },
  { name: 'ledger writes', command: 'node', args: ['scripts/check-ledger-writes.ts'] },
  { name: 'generated', command: 'node', args: ['scripts/generate.ts', '--check'] },
];

const failed = await runChecks(CHECKS, { root, atOnce: 2, write: (text) => process.stdout.write(text) });
if (failed.length > 0) {
  console.error(`\n${failed.length} of ${CHECKS.length} checks failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
