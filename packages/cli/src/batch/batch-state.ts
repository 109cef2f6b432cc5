import { type Batch, isFinal } from '@rushes/sdk';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Number of videos that succeeded, failed or were canceled. */
export function settled(batch: Batch): number {
  return batch.counts.succeeded + batch.counts.failed + batch.counts.canceled;
}

/** The state in one word: `paused` and the like come before the status. */
export function stateWord(batch: Batch): string {
  if (isFinal(batch)) return batch.status;
  if (batch.canceling) return 'canceling';
  return batch.paused ? 'paused' : batch.status;
}

/** The exit code for a batch's state. */
export function exitCodeOf(batch: Batch): ExitCode {
  switch (batch.status) {
    case 'completed':
      return EXIT.success;
    case 'partial':
      return EXIT.partial;
    case 'canceled':
      return EXIT.canceled;
    case 'failed':
      return EXIT.failed;
    default:
      return isFinal(batch) ? EXIT.failed : EXIT.stillRunning;
  }
}

/** The batch and its state on one line. */
export function stateLine(batch: Batch): string {
  return `${batch.id} ${stateWord(batch)}`;
}
