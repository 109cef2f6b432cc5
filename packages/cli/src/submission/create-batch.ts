import { AbortError, type Batch, type Estimate, type Rushes, UnprocessableEntityError } from '@rushes/sdk';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { findByRequestId } from './find-by-request-id.ts';
import { aboutLines, type Submission } from './read-submission.ts';
import { deriveRequestId } from './request-id.ts';
import { runKey } from './run-key.ts';

/** How a batch gets its request_id. */
export interface RequestId {
  readonly value: string;
  /** Made from what is submitted, so that a batch that has it is this very order. */
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
    output.note('This CI system gives no ID of its run, so the same prompts are the same batch tomorrow too.');
    output.note('  --run-key tells one run from the next.');
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

/** Creates the batch of a submission at the price that was shown, or finds the one that exists already. */
export async function createBatch(
  client: Rushes,
  { submission, estimate, requestId }: Order,
  signal: AbortSignal,
): Promise<CreatedBatch> {
  // What was shown is what is paid: another price now is refused instead of charged.
  const params = { expected_unit_price: estimate.unit_price, ...submission.params, request_id: requestId.value };
  try {
    const request = client.batches.create(params, { signal }).withResponse();
    const { data, response } = await aboutLines(submission, request);
    return { batch: data, existing: response.headers.get('idempotent-replayed') === 'true' };
  } catch (error) {
    if (error instanceof AbortError) throw interrupted(requestId, error);
    if (!(error instanceof UnprocessableEntityError) || !requestId.derived) throw error;
    // A derived id can only have been used for this same order, with another guard: at the price or limit of that day.
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
