import { createInterface } from 'node:readline';
import { Flags } from '@oclif/core';
import { CliError } from './cli-error.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { isCi } from './submission/run-key.ts';

/** Flag of every command that asks before it acts. */
export const yesFlag = Flags.boolean({ char: 'y', summary: 'Do not ask for a confirmation.' });

type Terminal = Pick<CliContext, 'stdin' | 'stderr' | 'environment'>;

/** Whether somebody can answer a question in the terminal. */
function canAsk({ stdin, stderr, environment }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true && !isCi(environment);
}

function interrupted(): CliError {
  return new CliError('interrupted', 'Interrupted. Nothing was done.', { exitCode: EXIT.interrupted });
}

/** Asks a question on stderr. Only the answers "y" and "yes" confirm. Ctrl-C throws, Ctrl-D means no. */
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
 * Returns when the action is confirmed, by the flag or in the terminal. Throws `CliError` with exit code 2 when nobody
 * can be asked, and with the code `declined` when the answer is not yes.
 */
export async function confirm(question: string, yes: boolean, terminal: Terminal, signal: AbortSignal): Promise<void> {
  if (yes) return;
  if (!canAsk(terminal)) {
    throw new CliError(
      'confirmation_required',
      `${question} This needs a confirmation, and nobody can be asked here.`,
      {
        exitCode: EXIT.usage,
        advice: ['Nothing was done. Run the command again with --yes to confirm in advance.'],
      },
    );
  }
  if (await ask(question, terminal, signal)) return;
  throw new CliError('declined', 'The action was not confirmed. Nothing was done.', { exitCode: EXIT.failed });
}
