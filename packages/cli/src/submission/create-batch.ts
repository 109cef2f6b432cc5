import { AbortError, type Batch, type Estimate, type Rushes, UnprocessableEntityError } from '@rushes/sdk';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { findByRequestId } from './find-by-request-id.ts';
import { aboutLines, type Submission } from './read-submission.ts';
import { deriveRequestId } from './request-id.ts';
import { runKey } from './run-key.ts';

/** The request_id of a batch and where it comes from. */
export interface RequestId {
  readonly value: string;
  /** True when it was derived from the submission, so that a batch with this request_id is the same order. */
  readonly derived: boolean;
}

interface RequestIdFlags {
  readonly 'request-id': string | undefined;
  readonly 'run-key': string | undefined;
  readonly again: boolean;
}

/** The request_id that the flags give, else the one derived from the submission and the run. */
export function chooseRequestId(
  submission: Submission,
  flags: RequestIdFlags,
  context: Pick<CliContext, 'environment' | 'clock'>,
  output: Output,
): RequestId {
  const derive = (key: string | null): RequestId => ({
    value: deriveRequestId(submission.params, key),
    derived: true,
  });
  if (flags['request-id'] !== undefined) return { value: flags['request-id'], derived: false };
  if (flags.again) return derive(`again:${context.clock.uuid()}`);
  if (flags['run-key'] !== undefined) return derive(`key:${flags['run-key']}`);
  const run = runKey(context.environment);
  if (run.unknownCi) {
    output.note('This CI system does not name its runs, so the same prompts give the same batch in every run.');
    output.note('  Use --run-key to make a new batch in each run.');
  }
  return derive(run.value);
}

interface Order {
  readonly submission: Submission;
  readonly estimate: Estimate;
  readonly requestId: RequestId;
}

/** A batch, and whether it was there before this command. */
export interface CreatedBatch {
  readonly batch: Batch;
  readonly existing: boolean;
}

/** Creates the batch of a submission at the price that was shown, or finds the batch that exists already. */
export async function createBatch(
  client: Rushes,
  { submission, estimate, requestId }: Order,
  signal: AbortSignal,
): Promise<CreatedBatch> {
  // The customer pays the price that was shown: when the price has changed, the server refuses the batch.
  const params = { expected_unit_price: estimate.unit_price, ...submission.params, request_id: requestId.value };
  try {
    const request = client.batches.create(params, { signal }).withResponse();
    const { data, response } = await aboutLines(submission, request);
    return { batch: data, existing: response.headers.get('idempotent-replayed') === 'true' };
  } catch (error) {
    if (error instanceof AbortError) throw interrupted(requestId, error);
    if (!(error instanceof UnprocessableEntityError) || !requestId.derived) throw error;
    // A derived id can only belong to this same order, made with another price or limit.
    const batch = await findByRequestId(client, requestId.value, signal);
    if (batch === null) throw error;
    return { batch, existing: true };
  }
}

function interrupted(requestId: RequestId, cause: AbortError): CliError {
  return new CliError('interrupted', 'Interrupted while the batch was being submitted; the batch may exist.', {
    exitCode: EXIT.interrupted,
    advice: [`Run the same command again to find it, or run: rushes list --request-id '${requestId.value}'`],
    members: { request_id: requestId.value },
    cause,
  });
}
