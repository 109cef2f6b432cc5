import type { Clock, Logger, VideoStorage } from '../../ports.ts';
import type { Outcome } from '../outcome.ts';
import { describeTask, type LeasedTask } from '../task.ts';
import type { PendingSubmission } from './attempt-store.ts';
import { CoalescerStopped, type AnswerTaker, type Coalescer } from './coalescer.ts';
import type { SettleAnswer } from './settlement-store.ts';

/** A task whose outcome is known and waits to be written. Nothing of it runs meanwhile, so that it holds no more than this. */
export interface Settlement {
  readonly task: LeasedTask;
  readonly outcome: Outcome;
  /** Since when, on `Clock.monotonicMs`. */
  readonly knownAtMs: number;
  /** The task as it was taken up. */
  readonly takenUp: LeasedTask;
  /** The write of its upstream's id, if that may be needed yet. */
  readonly submission: PendingSubmission | null;
}

/** An outcome, known from now on. Its settlement carries the upstream's id, which needs no write of its own any more. */
export function settlementOf(
  clock: Pick<Clock, 'monotonicMs'>,
  takenUp: LeasedTask,
  { task, outcome }: { readonly task: LeasedTask; readonly outcome: Outcome },
  submission: PendingSubmission | null,
): Settlement {
  if (submission !== null) submission.isMoot = true;
  return { task, outcome, knownAtMs: clock.monotonicMs(), takenUp, submission };
}

export interface AfterSettlementDeps {
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly submissions: Pick<Coalescer<PendingSubmission, boolean>, 'add'>;
  readonly storage: Pick<VideoStorage, 'remove'>;
  /** Nothing of a task is done here any more. */
  readonly leave: (task: LeasedTask) => void;
}

/** What becomes of an outcome when the database has answered, or when the worker stops before it did. */
export function createAfterSettlement(deps: AfterSettlementDeps): AnswerTaker<Settlement, SettleAnswer> {
  return {
    answered(settlement, answer) {
      if (answer === 'settled') deps.leave(settlement.takenUp);
      else void comeTooLate(deps, settlement, answer);
    },
    givenUp({ task, takenUp }, reason) {
      if (!(reason instanceof CoalescerStopped)) {
        deps.logger.error(
          { ...describeTask(task), err: reason },
          'an outcome was not handled because of an error in this program',
        );
      }
      deps.leave(takenUp);
    },
  };
}

async function comeTooLate(deps: AfterSettlementDeps, settlement: Settlement, answer: SettleAnswer): Promise<void> {
  const { task, outcome, submission } = settlement;
  deps.logger.warn({ ...describeTask(task), outcome: outcome.kind, answer }, 'an outcome came too late to count');
  try {
    // Somebody else decides about the task: the generation must be found with it all the same, whatever the storage says.
    if (submission !== null) await deps.submissions.add({ ...submission, isMoot: false });
    if (outcome.kind === 'succeeded' && answer === 'lost') await deps.storage.remove(outcome.video.key);
  } catch (error) {
    if (!(error instanceof CoalescerStopped)) {
      deps.logger.error({ ...describeTask(task), err: error }, 'a task was interrupted by an error in this program');
    }
  }
  deps.leave(settlement.takenUp);
}
