import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import type { CliContext, Source } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

/** Longer than any key, so that a wrong file is not read to its end. */
const SECRET_MAX_BYTES = 4_096;

async function firstLine(stdin: Source): Promise<string> {
  let text = '';
  for await (const chunk of stdin as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.includes('\n') || text.length > SECRET_MAX_BYTES) break;
  }
  return (text.split('\n', 1)[0] ?? '').trim();
}

/** One line from the terminal without echo, or the first line of standard input. */
export async function readSecret(
  prompt: string,
  { stdin, stderr }: Pick<CliContext, 'stdin' | 'stderr'>,
): Promise<string> {
  if (stdin.isTTY !== true) return firstLine(stdin);
  stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output: nowhere, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      reader.once('SIGINT', () =>
        reject(new CliError('interrupted', 'Interrupted. Nothing was stored.', { exitCode: EXIT.interrupted })),
      );
      reader.once('close', () => resolve(''));
      reader.question('', (answer) => resolve(answer.trim()));
    });
  } finally {
    reader.close();
    stderr.write('\n');
  }
}
