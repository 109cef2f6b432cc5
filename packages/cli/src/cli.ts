import pjson from '../package.json' with { type: 'json' };
import { wantsJson } from './base-command.ts';
import { COMMAND_IDS, loadCommand } from './command-files.ts';
import type { CliContext } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { describeFailure } from './failure.ts';
import { asksForHelp, oclifConfig, showHelp } from './help.ts';
import { Output } from './output/output.ts';
import { printFailure } from './print-failure.ts';
import { unknownCommand } from './suggest.ts';

const VERSION_FLAGS = ['--version', ...pjson.oclif.additionalVersionFlags];

function isVersionQuestion(argv: readonly string[]): boolean {
  const [word = '', ...rest] = argv;
  return rest.length === 0 && VERSION_FLAGS.includes(word);
}

/** The command that the first words name, and the words after it; null when they name no command, or only a topic. */
function namedCommand(argv: readonly string[]): { readonly id: string; readonly rest: string[] } | null {
  const firstFlag = argv.findIndex((word) => word.startsWith('-'));
  const longest = firstFlag === -1 ? argv.length : firstFlag;
  for (let words = longest; words > 0; words -= 1) {
    const id = argv.slice(0, words).join(':');
    if (COMMAND_IDS.includes(id)) return { id, rest: argv.slice(words) };
  }
  return null;
}

async function perform(argv: readonly string[], context: CliContext, output: Output): Promise<ExitCode> {
  if (isVersionQuestion(argv)) {
    await output.line(`rushes ${pjson.version} ${context.platform}`);
    return EXIT.success;
  }
  const unknown = unknownCommand(argv, COMMAND_IDS);
  if (unknown !== null) throw unknown;
  const named = asksForHelp(argv) ? null : namedCommand(argv);
  if (named === null) {
    await showHelp(argv, output);
    return EXIT.success;
  }
  const command = await loadCommand(named.id);
  return new command(named.rest, await oclifConfig([command], []), context).perform();
}

/**
 * Runs `rushes` with these words. Never throws: an error is written to the output, and the exit code says what kind of
 * problem it was.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<ExitCode> {
  const output = new Output(context);
  try {
    return await perform(argv, context, output);
  } catch (error) {
    const failure = describeFailure(error);
    await printFailure(failure, output, wantsJson(argv));
    if (context.environment['DEBUG'] === 'rushes' && error instanceof Error) output.note(error.stack ?? '');
    return failure.exitCode;
  }
}
