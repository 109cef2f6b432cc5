import { createInterface } from 'node:readline';
import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';
import { isCi } from './submission/run-key.ts';

/** Whether somebody sits there to be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY && !isCi(process.env);
}

function interrupted(): CliError {
  return new CliError('interrupted', 'Interrupted; nothing was done.', { exitCode: EXIT.interrupted });
}

/** Asks on stderr. Only "y" and "yes" are a yes. Ctrl-C throws, Ctrl-D is a no. */
async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const reader = createInterface({ input: process.stdin, output: process.stderr });
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
export async function confirm(question: string, yes: boolean, signal: AbortSignal): Promise<void> {
  if (yes) return;
  if (!canAsk()) {
    throw new CliError('confirmation_required', `${question} Nobody is there to answer.`, {
      exitCode: EXIT.usage,
      advice: ['Nothing was done. Run it again with --yes to go ahead without being asked.'],
    });
  }
  if (await ask(question, signal)) return;
  throw new CliError('declined', 'That was no yes; nothing was done.', { exitCode: EXIT.failed });
}
