import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

/** Above the server's limit of 48 MiB for a body; a larger file cannot become one batch whatever is in it. */
const INPUT_MAX_BYTES = 64 * 1024 * 1024;

/** A file or standard input, read to its end. */
export interface Input {
  /** For messages. */
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The failure to read a file, in words. */
export function fileError(path: string, cause: unknown): CliError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EISDIR'
        ? 'it is a folder'
        : code === 'EACCES'
          ? 'it may not be read'
          : String(cause);
  return new CliError('file_error', `${path}: ${why}.`, {
    exitCode: EXIT.usage,
    advice: ['Name a file, or - to read standard input.'],
    cause,
  });
}

/** What an input is read from. */
export type InputMachine = Pick<CliContext, 'stdin' | 'stderr' | 'files'>;

/** The stream of a file, or of standard input for `-`. */
export function openInput(path: string, { stdin, files }: Pick<InputMachine, 'stdin' | 'files'>): Readable {
  return path === '-' ? stdin : files.stream(path);
}

/** The bytes of a file, or of standard input for `-`. */
export async function readInput(path: string, machine: InputMachine, signal: AbortSignal): Promise<Input> {
  const name = path === '-' ? '<stdin>' : basename(path);
  if (path === '-' && machine.stdin.isTTY === true) {
    machine.stderr.write('Reading from the terminal; end the input with Ctrl-D.\n');
  }
  const stream = openInput(path, machine);
  const abort = (): void => void stream.destroy(new Error('interrupted'));
  signal.addEventListener('abort', abort, { once: true });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > INPUT_MAX_BYTES) {
        throw new CliError(
          'invalid_input',
          `${name} is larger than ${INPUT_MAX_BYTES / 1024 / 1024} MiB, more than one batch can be.`,
          { exitCode: EXIT.usage, advice: ['Split it: a batch takes 10,000 prompts at most.'] },
        );
      }
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    signal.throwIfAborted();
    throw fileError(path, error);
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return { name, path, bytes: Buffer.concat(chunks) };
}
