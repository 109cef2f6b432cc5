import type { CallbackStore } from '../../generations/index.ts';
import type { Random } from '../../ports.ts';
import { decideRetry } from '../route/retry-policy.ts';
import type { RouteState } from '../route/route.ts';
import type { Coalescer } from '../store/coalescer.ts';
import type { Requeue, RequeueAnswer } from '../store/attempt-store.ts';
import type { LeasedTask } from '../task.ts';
import type { WorkerMetrics } from '../worker-metrics.ts';
import { foundMeanwhile } from './resolve-unknown-outcome.ts';
import type { Step } from './step.ts';

export interface RequeueDeps {
  readonly random: Pick<Random, 'fraction'>;
  readonly requeues: Pick<Coalescer<Requeue, RequeueAnswer>, 'add'>;
  readonly callbacks: Pick<CallbackStore, 'confirmedIds'>;
  readonly metrics: Pick<WorkerMetrics, 'possibleDuplicates'>;
}

/**
 * Puts a task that was not sent back into the queue. Whatever the answer is, the task is no longer ours: queued again, taken
 * over, canceled or about to expire.
 */
export async function release(
  { requeues }: Pick<RequeueDeps, 'requeues'>,
  task: LeasedTask,
  delayMs: number,
): Promise<Step> {
  const answer = await requeues.add({ task, failure: null, delayMs });
  return answer === 'requeued' ? { next: 'done' } : { next: 'dropped' };
}

/** An attempt has failed: the task is queued again for another one, or this was its last. */
export async function fail(
  deps: RequeueDeps,
  { settings }: { readonly settings: Pick<RouteState['settings'], 'retry'> },
  step: Extract<Step, { next: 'fail' }>,
): Promise<Step> {
  const { task, failure, possibleDuplicate } = step;
  const { type, detail } = failure;
  const decision = decideRetry(type, task, settings.retry, deps.random.fraction(), failure.retryAfterMs);
  if (decision.retry) {
    const { counted, delayMs } = decision;
    const answer = await deps.requeues.add({ task, failure: { type, detail, counted, possibleDuplicate }, delayMs });
    if (answer === 'requeued') {
      if (possibleDuplicate) deps.metrics.possibleDuplicates.add({ route: task.route });
      return { next: 'done' };
    }
    if (answer === 'lost') return possibleDuplicate ? foundMeanwhile(deps, task) : { next: 'dropped' };
    // Its batch takes no more submissions, so this failure is the task's last.
  }
  return { next: 'settle', task, outcome: { kind: 'failed', type, detail } };
}
