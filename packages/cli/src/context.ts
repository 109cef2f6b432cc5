import type { Readable, Writable } from 'node:stream';
import type { Ports } from '@rushes/sdk';
import type { ExitCode } from './exit-codes.ts';
import type { Files } from './files/files.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where text is read from: a terminal, a pipe or a file. */
export type Source = Readable & { readonly isTTY?: boolean | undefined };

/** Where text is written: a terminal, a pipe or a file. `columns` is the width of a terminal in characters. */
export type Sink = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

/** The clock, waiting and random ids (the same as the SDK takes), and a repeating timer. */
export interface Clock extends Ports {
  /** Calls `act` every `ms` milliseconds until the returned function is called. Does not keep the program alive. */
  every(ms: number, act: () => void): () => void;
}

/**
 * Everything that a command takes from the machine. `systemContext` makes the real one; a test makes its own and runs the
 * command in its own process.
 */
export interface CliContext {
  readonly environment: Environment;
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** The file system, seen from the folder in which the command was started. */
  readonly files: Files;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** Bytes that nobody can guess. */
  randomBytes(length: number): Uint8Array;
  /**
   * Returns a signal that aborts at the first Ctrl-C or SIGTERM; the second one ends the program. Before this call, the
   * first one ends the program.
   */
  listenForInterrupt(): AbortSignal;
  /** Ends the program at once. For the case that nothing more can be written. */
  exit(code: ExitCode): void;
  /** Names of the system and the runtime, for `rushes --version`. */
  readonly platform: string;
}
