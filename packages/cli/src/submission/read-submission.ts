import { APIError, type EstimateParams } from '@rushes/sdk';
import { usageError } from '../cli-error.ts';
import { RefusedInput } from '../failure.ts';
import { decodeText } from '../input/decode-text.ts';
import { detectFormat, type InputFormat } from '../input/format.ts';
import { readItems } from '../input/items.ts';
import { type InputMachine, readInput } from '../input/read-input.ts';
import { given } from '../given.ts';
import { columnSettings, defaultParams, metadataOf } from './submission-flags.ts';

/** A submission, read from the command line and the file. */
export interface Submission {
  readonly params: EstimateParams;
  readonly format: InputFormat;
  /** Name of the input, for messages. */
  readonly source: string;
  /** The line of the input of each item. */
  readonly lines: readonly number[];
}

/** The parsed flags of `submissionFlags`. */
export interface SubmissionFlagValues {
  readonly model: string | undefined;
  readonly format: InputFormat | undefined;
  readonly column: readonly string[] | undefined;
  readonly 'ignore-columns': boolean;
  readonly set: readonly string[] | undefined;
  readonly metadata: readonly string[] | undefined;
  readonly 'spend-limit': number | undefined;
  readonly 'expected-unit-price': number | undefined;
  readonly 'max-failure-rate': number | undefined;
  readonly 'deadline-hours': number | undefined;
  readonly 'webhook-endpoint': string | undefined;
}

/** Makes one request from the file and the flags. The same prompts give the same request in every format. */
export async function readSubmission(
  path: string,
  flags: SubmissionFlagValues,
  defaultModel: string | null,
  machine: InputMachine,
  signal: AbortSignal,
): Promise<Submission> {
  const model = flags.model ?? defaultModel;
  if (model === null) {
    throw usageError(
      'No model is given, and the settings have no default model.',
      'Add --model sora-2, or put "model" into .rushes.json. Run "rushes models" to see the models and their prices.',
    );
  }
  const columns = columnSettings(flags.column, flags['ignore-columns']);
  const settings = {
    model,
    defaults: defaultParams(flags.set),
    spend_limit: flags['spend-limit'],
    expected_unit_price: flags['expected-unit-price'],
    max_failure_rate: flags['max-failure-rate'],
    deadline_hours: flags['deadline-hours'],
    webhook_endpoint_id: flags['webhook-endpoint'],
  };
  const labels = metadataOf(flags.metadata);
  const input = await readInput(path, machine, signal);
  const text = decodeText(input.bytes, input.name);
  const format = flags.format ?? detectFormat(input.path, text, columns.sourceOf('prompt'), columns.mapped.size > 0);
  const { items, lines, metadata } = readItems(text, format, columns, labels, input.name);
  const params = given<EstimateParams>({
    ...settings,
    metadata: Object.keys(metadata).length === 0 ? undefined : metadata,
    items: [...items],
  });
  return { params, format, source: input.name, lines };
}

/** Sends a request for the submission; a refusal names the lines of the file. */
export async function aboutLines<T>(submission: Submission, request: PromiseLike<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof APIError && error.errors.length > 0) {
      throw new RefusedInput(error, submission.source, submission.lines);
    }
    throw error;
  }
}
