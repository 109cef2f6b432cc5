import { CoalescerStopped, type AnswerTaker } from './coalescer.ts';
import type { Engine } from '../engine.ts';
import type { Ending, SettleAnswer } from './task-store.ts';
import { describeTask, type LeasedTask } from '../task.ts';
import type { Submitted } from './writers.ts';

/** A task whose outcome is known and waits to be written. Nothing of it runs meanwhile, so that it holds no more than this. */
export interface Ended {
  readonly task: LeasedTask;
  readonly ending: Ending;
  /** Since when, on `Clock.monotonicMs`. */
  readonly knownAtMs: number;
  /** The task as it was taken up. */
  readonly driven: LeasedTask;
  /** The write of its upstream's id, if that may be needed yet. */
  readonly submission: Submitted | null;
}

/** An outcome, known from now on. Its settlement carries the upstream's id, which needs no write of its own any more. */
export function endOf(
  { clock }: Engine,
  driven: LeasedTask,
  { task, ending }: { readonly task: LeasedTask; readonly ending: Ending },
  submission: Submitted | null,
): Ended {
  if (submission !== null) submission.isMoot = true;
  return { task, ending, knownAtMs: clock.monotonicMs(), driven, submission };
}

/** Nothing of a task is done here any more. */
export function leave(engine: Engine, driven: LeasedTask): void {
  engine.inFlight.remove(driven);
  engine.onSlotFree();
}

/** What becomes of an outcome when the database has answered, or when the worker stops before it did. */
export function afterEnd(engine: () => Engine): AnswerTaker<Ended, SettleAnswer> {
  return {
    answered(ended, answer) {
      if (answer === 'settled') leave(engine(), ended.driven);
      else void comeTooLate(engine(), ended, answer);
    },
    givenUp({ task, driven }, reason) {
      if (!(reason instanceof CoalescerStopped)) {
        engine().logger.error({ ...describeTask(task), err: reason }, 'an outcome was left out by an error of ours');
      }
      leave(engine(), driven);
    },
  };
}

async function comeTooLate(engine: Engine, ended: Ended, answer: SettleAnswer): Promise<void> {
  const { task, ending, submission } = ended;
  engine.logger.warn({ ...describeTask(task), ending: ending.outcome, answer }, 'an outcome came too late to count');
  try {
    // Somebody else decides about the task: the generation must be found with it all the same, whatever the storage says.
    if (submission !== null) await engine.submitted.add({ ...submission, isMoot: false });
    if (ending.outcome === 'succeeded' && answer === 'lost') await engine.storage.remove(ending.video.key);
  } catch (error) {
    if (!(error instanceof CoalescerStopped)) {
      engine.logger.error({ ...describeTask(task), err: error }, 'a task was interrupted by an error of ours');
    }
  }
  leave(engine, ended.driven);
}
