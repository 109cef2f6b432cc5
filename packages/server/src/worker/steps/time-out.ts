import type { Clock } from '../../ports.ts';
import type { Outcome } from '../outcome.ts';
import type { Coalescer } from '../store/coalescer.ts';
import { settlementOf, type Settlement } from '../store/settlement.ts';
import type { SettleAnswer } from '../store/settlement-store.ts';
import type { LeasedTask } from '../task.ts';
import { pollStep, type Step } from './step.ts';

/** The database's clock may be a little behind ours. */
const AGAIN_MS = 1_000;

export interface TimeOutDeps {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly settlements: Pick<Coalescer<Settlement, SettleAnswer>, 'add'>;
}

/** Ends a task that is out of time, if the database's clock says so too. `isServed`: its upstream can be asked once more. */
export async function timeOut(
  { clock, settlements }: TimeOutDeps,
  task: LeasedTask,
  isServed: boolean,
  lost: AbortSignal,
): Promise<Step> {
  const outcome: Outcome = { kind: 'failed', type: 'timeout', detail: `no result within ${task.timeoutMs} ms` };
  const answer = await settlements.add(settlementOf(clock, task, { task, outcome }, null));
  if (answer !== 'lost') return { next: 'done' };
  // Either the lease is gone, which the next renewal shows, or the database's clock is a little behind ours.
  await clock.sleep(AGAIN_MS, lost);
  return isServed && task.upstreamId !== null ? pollStep(task, task.upstreamId) : { next: 'time-out', task };
}
