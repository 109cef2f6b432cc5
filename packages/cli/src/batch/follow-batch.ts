import { AbortError, type Batch, isFinal, type Rushes, WaitTimeoutError } from '@rushes/sdk';
import { CliError } from '../cli-error.ts';
import type { Clock } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { duration } from '../output/wording.ts';
import { startProgress } from './progress.ts';

interface FollowOptions {
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
  /** Called with the batch after every request for it. */
  readonly onLook?: (batch: Batch) => void;
}

/** The longest time between two requests: short for the bar that a person watches, longer for a log. */
const BAR_POLL_MS = 1_000;
const LOG_POLL_MS = 5_000;

/** Commands for a batch that continues after this command has ended. */
export function wayBack(batchId: string): string[] {
  return [`Watch it: rushes watch ${batchId}`, `Fetch what is ready: rushes download ${batchId} DIR`];
}

function paused(batch: Batch): CliError {
  return new CliError('paused', `${batch.id} is paused. Its waiting videos start when it is resumed.`, {
    exitCode: EXIT.stillRunning,
    advice: [
      `See why: rushes tasks ${batch.id} --status failed`,
      `Resume it: rushes resume ${batch.id}`,
      `Get the rest back: rushes cancel ${batch.id}`,
    ],
    members: { batch_id: batch.id },
  });
}

/**
 * Shows a batch's progress until it is final. Throws `CliError` when waiting ends earlier: at a pause, at the time
 * limit or at Ctrl-C. None of these changes the batch.
 */
export async function followBatch(client: Rushes, batchId: string, options: FollowOptions): Promise<Batch> {
  const { output, signal, timeoutMs } = options;
  const progress = startProgress(output, options.clock);
  try {
    return await client.batches.wait(batchId, {
      signal,
      pollIntervalMs: output.canDraw ? BAR_POLL_MS : LOG_POLL_MS,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onProgress: (batch) => {
        progress.update(batch);
        options.onLook?.(batch);
        if (batch.paused && !batch.canceling && !isFinal(batch)) throw paused(batch);
      },
    });
  } catch (error) {
    if (error instanceof WaitTimeoutError) {
      throw new CliError('still_running', `${batchId} is not final after ${duration(timeoutMs ?? 0)}; it continues.`, {
        exitCode: EXIT.stillRunning,
        advice: wayBack(batchId),
        members: { batch_id: batchId },
        cause: error,
      });
    }
    if (error instanceof AbortError) {
      throw new CliError('interrupted', `Interrupted. ${batchId} continues without this command.`, {
        exitCode: EXIT.interrupted,
        advice: [...wayBack(batchId), `Stop it: rushes cancel ${batchId}`],
        members: { batch_id: batchId },
        cause: error,
      });
    }
    throw error;
  } finally {
    progress.stop();
  }
}
