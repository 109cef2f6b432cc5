import { createInterface } from 'node:readline';
import { Flags } from '@oclif/core';
import { CliError } from './cli-error.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { isCi } from './submission/run-key.ts';

/** Flag of every command that asks before it acts. */
export const yesFlag = Flags.boolean({ char: 'y', summary: 'Do not ask for a confirmation.' });

type Terminal = Pick<CliContext, 'stdin' | 'stderr' | 'environment'>;

/** Whether somebody sits there to be asked. */
function canAsk({ stdin, stderr, environment }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true && !isCi(environment);
}

function interrupted(): CliError {
  return new CliError('interrupted', 'Interrupted; nothing was done.', { exitCode: EXIT.interrupted });
}

/** Asks on stderr. Only "y" and "yes" are a yes. Ctrl-C throws, Ctrl-D is a no. */
async function ask(question: string, { stdin, stderr }: Terminal, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const reader = createInterface({ input: stdin, output: stderr });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      reader.once('SIGINT', () => reject(interrupted()));
      reader.once('close', () => resolve(false));
      signal.addEventListener('abort', () => reject(interrupted()), { once: true });
      reader.question(`${question} [y/N] `, (answer) => resolve(/^y(es)?$/i.test(answer.trim())));
    });
  } finally {
    reader.close();
  }
}

/**
 * Returns when there is a yes: from the flag, or from the terminal. Throws `CliError` with exit code 2 where nobody can
 * be asked, and with `declined` on a no.
 */
export async function confirm(question: string, yes: boolean, terminal: Terminal, signal: AbortSignal): Promise<void> {
  if (yes) return;
  if (!canAsk(terminal)) {
    throw new CliError('confirmation_required', `${question} This needs a yes, and nobody can be asked here.`, {
      exitCode: EXIT.usage,
      advice: ['Nothing was done. Run the command again with --yes to answer yes in advance.'],
    });
  }
  if (await ask(question, terminal, signal)) return;
  throw new CliError('declined', 'The answer was not yes; nothing was done.', { exitCode: EXIT.failed });
}
