import { stripVTControlCharacters } from 'node:util';
import { Errors } from '@oclif/core';
import {
  AbortError,
  APIError,
  ConnectionError,
  DownloadError,
  InsufficientCreditsError,
  InvalidResponseError,
  RateLimitError,
  RushesError,
  TimeoutError,
} from '@rushes/sdk';
import { WebhookVerificationError } from '@rushes/sdk/webhooks';
import { CliError, type CliErrorCode, type InputProblem } from './cli-error.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { credits, duration } from './output/wording.ts';

/** An error of a command: as a problem document (RFC 9457), and as text for a person. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly problem: Readonly<Record<string, unknown>>;
  /** What happened, without advice. */
  readonly message: string;
  /** `file:line: …`, one each. */
  readonly places: readonly string[];
  /** What to do next. */
  readonly advice: readonly string[];
}

const TITLES: Readonly<Record<CliErrorCode, string>> = {
  usage: 'Wrong usage',
  invalid_input: 'The input cannot be submitted',
  invalid_settings: 'A setting is wrong',
  confirmation_required: 'The command needs a confirmation',
  declined: 'Declined',
  no_api_key: 'No API key',
  still_running: 'The batch is still running',
  paused: 'The batch is paused',
  interrupted: 'Interrupted',
  download_failed: 'Some videos could not be downloaded',
  file_error: 'A file cannot be used',
  network_error: 'The server cannot be reached',
  invalid_response: 'The answer is not from a Rushes server',
  invalid_signature: 'The webhook is not genuine',
  unexpected: 'Unexpected error',
};

/** The problem of a refused submission, with the line of the input for each item that the server names. */
export class RefusedInput extends Error {
  static {
    this.prototype.name = 'RefusedInput';
  }
  readonly refusal: APIError;
  readonly source: string;
  readonly lines: readonly number[];

  constructor(refusal: APIError, source: string, lines: readonly number[]) {
    super(refusal.message, { cause: refusal });
    this.refusal = refusal;
    this.source = source;
    this.lines = lines;
  }
}

type Members = Readonly<Record<string, unknown>>;

function localProblem(code: CliErrorCode, detail: string, exitCode: ExitCode, members: Members = {}): Members {
  return { type: 'about:blank', title: TITLES[code], detail, code, exit_code: exitCode, ...members };
}

/** The exit code for the HTTP status of an answer. It is the same for every command. */
function exitCodeOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.auth;
  if (status === 402) return EXIT.insufficientCredits;
  if (status === 404) return EXIT.notFound;
  if (status === 409 || status === 422) return EXIT.conflict;
  if (status === 429) return EXIT.rateLimited;
  if (status === 408 || status >= 500) return EXIT.network;
  return status >= 400 ? EXIT.usage : EXIT.network;
}

function adviceFor(error: APIError): string[] {
  if (error instanceof InsufficientCreditsError && error.shortfall !== null) {
    return [
      `${credits(error.shortfall)} are missing. Nothing was reserved. Run the same command again when there are enough credits.`,
    ];
  }
  if (error instanceof RateLimitError && error.retryAfterMs !== null)
    return [`Try again in ${duration(error.retryAfterMs)}.`];
  switch (error.code) {
    case 'unauthorized':
      return ['Check RUSHES_API_KEY, or run "rushes login" again.'];
    case 'spend_limit_exceeded':
      return ['Nothing was reserved. Raise --spend-limit, or submit fewer prompts.'];
    case 'price_changed':
      return ['Nothing was reserved. Run "rushes models" to see the current prices.'];
    case 'model_retired':
      return ['Run "rushes models" to see the models that can be used.'];
    case 'request_id_conflict':
      return ['This request_id was used for another submission. Leave out --request-id, or choose another one.'];
    default:
      return error.status >= 500 ? ['Run the command again. The same submission is never made twice.'] : [];
  }
}

function place(problem: InputProblem, source: string): string {
  const where = problem.line === null ? source : `${source}:${problem.line}`;
  const id = problem.custom_id === null ? '' : ` [${problem.custom_id}]`;
  return `${where}:${id} ${problem.detail}`;
}

function placesOf(problems: readonly InputProblem[], total: number, source: string): string[] {
  const named = problems.map((problem) => place(problem, source));
  return total > named.length ? [...named, `${source}: and ${total - named.length} more`] : named;
}

function fromCliError(error: CliError): Failure {
  const errors = error.problems.length === 0 ? {} : { errors: error.problems, error_count: error.problemCount };
  return {
    exitCode: error.exitCode,
    problem: localProblem(error.code, error.message, error.exitCode, { ...errors, ...error.members }),
    message: error.message,
    places: placesOf(error.problems, error.problemCount, error.source ?? ''),
    advice: error.advice,
  };
}

/** @param lines line of the input for every item, when items were submitted from `source`. */
function fromApiError(error: APIError, source: string | null, lines: readonly number[]): Failure {
  const { problem } = error;
  const exitCode = error instanceof InvalidResponseError ? EXIT.network : exitCodeOfStatus(error.status);
  if (problem === null) {
    return {
      exitCode,
      problem: localProblem('invalid_response', error.message, exitCode, {
        status: error.status,
        trace_id: error.traceId,
      }),
      message: error.message,
      places: [],
      advice: [],
    };
  }
  const errors: InputProblem[] = error.errors.map((each) => ({
    ...each,
    line: (each.index === null ? undefined : lines[each.index]) ?? each.line ?? null,
  }));
  const total = problem.error_count ?? errors.length;
  const { errors: _, ...document } = problem;
  return {
    exitCode,
    problem: { ...document, ...(errors.length === 0 ? {} : { errors }), exit_code: exitCode },
    message: `${problem.detail} (${problem.code}, trace_id ${problem.trace_id})`,
    places: placesOf(errors, total, source ?? 'request'),
    advice: adviceFor(error),
  };
}

function plain(code: CliErrorCode, error: Error, exitCode: ExitCode, advice: readonly string[] = []): Failure {
  return { exitCode, problem: localProblem(code, error.message, exitCode), message: error.message, places: [], advice };
}

function fromUsage(error: Error): Failure {
  const lines = stripVTControlCharacters(error.message).split('\n');
  const message = lines
    .filter((line) => !line.startsWith('See more help with'))
    .join('\n')
    .trim();
  return plain('usage', new Error(message), EXIT.usage, ['Add --help to a command to see its flags and examples.']);
}

function fileAdvice(code: unknown): string[] {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return ['The disk is full. Free some space and run the command again. Downloaded files are used again.'];
    case 'EEXIST':
    case 'ENOTDIR':
      return ['There is a file where a folder is needed. Name another folder.'];
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return ['You are not allowed to write there. Name another place, or change its permissions.'];
    default:
      return [];
  }
}

/** The error that a thrown value becomes for the user. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CliError) return fromCliError(error);
  if (error instanceof RefusedInput) return fromApiError(error.refusal, error.source, error.lines);
  if (error instanceof APIError) return fromApiError(error, null, []);
  if (error instanceof WebhookVerificationError) {
    const failure = plain('invalid_signature', error, EXIT.failed);
    return { ...failure, problem: { ...failure.problem, reason: error.reason } };
  }
  if (error instanceof AbortError) return plain('interrupted', error, EXIT.interrupted);
  if (error instanceof ConnectionError || error instanceof TimeoutError) {
    return plain('network_error', error, EXIT.network, [
      'Is the server running, and is --base-url (or RUSHES_BASE_URL) right?',
    ]);
  }
  if (error instanceof DownloadError) return plain('download_failed', error, EXIT.failed, ['Run the command again.']);
  if (error instanceof RushesError) return plain('invalid_settings', error, EXIT.usage);
  if (error instanceof Errors.CLIError) return fromUsage(error);
  const thrown = error instanceof Error ? error : new Error(String(error));
  if ('syscall' in thrown) {
    return plain('file_error', thrown, EXIT.failed, fileAdvice('code' in thrown ? thrown.code : null));
  }
  return plain('unexpected', thrown, EXIT.failed, [
    'This is a fault in the program. Set DEBUG=rushes to see where it happened.',
  ]);
}
