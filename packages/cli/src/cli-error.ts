import type { ItemError } from '@rushes/sdk';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** Codes of the problems that the CLI itself finds; those of the server are in the API's reference. */
export type CliErrorCode =
  | 'usage'
  | 'invalid_input'
  | 'invalid_settings'
  | 'confirmation_required'
  | 'declined'
  | 'no_api_key'
  | 'still_running'
  | 'paused'
  | 'interrupted'
  | 'download_failed'
  | 'file_error'
  | 'network_error'
  | 'invalid_response'
  | 'invalid_signature'
  | 'unexpected';

/** A problem in the input. `line` counts from 1; null when the problem does not belong to one line. */
export interface InputProblem extends Omit<ItemError, 'line' | 'code'> {
  readonly line: number | null;
  readonly code: string;
}

interface CliErrorOptions {
  readonly exitCode: ExitCode;
  /** What to do next, one line each. */
  readonly advice?: readonly string[];
  /** Shown before the message, as `file:line: …`. */
  readonly problems?: readonly InputProblem[];
  /** Number of all problems, when not all are named. */
  readonly problemCount?: number;
  /** Name of the input, for `problems`. */
  readonly source?: string;
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, string | number | null>>;
  readonly cause?: unknown;
}

/** Ends a command: what happened, to which thing, and what to do next. */
export class CliError extends Error {
  static {
    this.prototype.name = 'CliError';
  }
  readonly code: CliErrorCode;
  readonly exitCode: ExitCode;
  readonly advice: readonly string[];
  readonly problems: readonly InputProblem[];
  readonly problemCount: number;
  readonly source: string | null;
  readonly members: Readonly<Record<string, string | number | null>>;

  constructor(code: CliErrorCode, message: string, options: CliErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode;
    this.advice = options.advice ?? [];
    this.problems = options.problems ?? [];
    this.problemCount = options.problemCount ?? this.problems.length;
    this.source = options.source ?? null;
    this.members = options.members ?? {};
  }
}

/** The error for a wrong command line, with advice on what to write instead. */
export function usageError(message: string, ...advice: readonly string[]): CliError {
  return new CliError('usage', message, { exitCode: EXIT.usage, advice });
}
