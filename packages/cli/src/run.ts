import { join } from 'node:path';
import { type Interfaces, run } from '@oclif/core';
import pjson from '../package.json' with { type: 'json' };
import { COMMANDS } from './commands/index.ts';
import { describeFailure } from './failure.ts';
import { Output } from './output/output.ts';
import { printFailure } from './print-failure.ts';
import { unknownCommand } from './suggest.ts';

// oclif asks this very file for the commands, so that there is no manifest to go stale and no folder to search.
export { COMMANDS };

const LOAD_OPTIONS: Interfaces.LoadOptions = {
  root: join(__dirname, '..'),
  pjson: pjson as unknown as Interfaces.PJSON,
  userPlugins: false,
  devPlugins: false,
  ignoreManifest: true,
};

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

function isVersionQuestion(argv: readonly string[]): boolean {
  return argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V');
}

async function main(argv: readonly string[]): Promise<void> {
  const output = new Output({ stdout: process.stdout, stderr: process.stderr }, process.env);
  if (isVersionQuestion(argv)) {
    await output.line(`rushes ${pjson.version} ${process.platform}-${process.arch} node-${process.version}`);
    return;
  }
  try {
    const unknown = unknownCommand(argv, Object.keys(COMMANDS));
    if (unknown !== null) throw unknown;
    await run([...argv], LOAD_OPTIONS);
  } catch (error) {
    const failure = describeFailure(error);
    await printFailure(failure, output, wantsJson(argv));
    if (process.env['DEBUG'] === 'rushes' && error instanceof Error) output.note(error.stack ?? '');
    process.exitCode = failure.exitCode;
  }
}

void main(process.argv.slice(2));
