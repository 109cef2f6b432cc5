import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

/** Above the server's limit of 48 MiB for a request body. A larger file cannot become one batch. */
const INPUT_MAX_BYTES = 64 * 1024 * 1024;

/** A file or standard input, read to its end. */
export interface Input {
  /** For messages. */
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The error for a file that cannot be read. */
export function fileError(path: string, cause: unknown): CliError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EISDIR'
        ? 'it is a folder'
        : code === 'EACCES'
          ? 'you are not allowed to read it'
          : String(cause);
  return new CliError('file_error', `${path}: ${why}.`, {
    exitCode: EXIT.usage,
    advice: ['Name a file, or - to read standard input.'],
    cause,
  });
}

/** Where an input is read from. */
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
          `${name} is larger than ${INPUT_MAX_BYTES / 1024 / 1024} MiB, which is too large for one batch.`,
          { exitCode: EXIT.usage, advice: ['Split it. A batch has at most 10,000 prompts.'] },
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
