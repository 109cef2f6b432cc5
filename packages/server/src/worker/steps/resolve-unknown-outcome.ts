import type { LookUpResult } from '../../upstreams/index.ts';
import type { Step } from './task-machine.ts';
import type { Engine, RouteState } from '../engine.ts';
import { describeTask, type LeasedTask } from '../task.ts';

const FIRST_LOOK_UP_PAUSE_MS = 250;
const LONGEST_LOOK_UP_PAUSE_MS = 15_000;

/**
 * The call may have happened. The upstream is asked by the token where it can be, and callbacks are waited for; what stays
 * unknown for the bounded time is sent again at the operator's cost, and the attempt is kept as a possible duplicate.
 */
export async function waitForClarity(
  engine: Engine,
  state: RouteState,
  task: LeasedTask,
  lost: AbortSignal,
): Promise<Step> {
  const { clock, random } = engine;
  const untilMs = clock.monotonicMs() + state.route.unknownWaitMs - (task.unknownForMs ?? 0);
  const canLookUp = state.route.upstream.lookUp !== undefined;
  for (let tries = 0; ; tries += 1) {
    let wishedMs = Infinity;
    if (canLookUp) {
      const result = await lookUp(engine, state, task, lost);
      lost.throwIfAborted();
      switch (result.kind) {
        case 'found': {
          const answer = await engine.confirmations.add(confirmationOf(task, result.upstreamId));
          if (answer === 'running') return pollStep(task, result.upstreamId);
          engine.logger.warn(
            { ...describeTask(task), answer },
            'an id found by its token could not be given to its task',
          );
          break;
        }
        case 'not_started':
          return notStarted(task);
        case 'cannot_tell':
      }
      const backoffMs = Math.min(LONGEST_LOOK_UP_PAUSE_MS, FIRST_LOOK_UP_PAUSE_MS * 2 ** Math.min(tries, 10));
      const askedMs = result.kind === 'cannot_tell' ? (result.retryAfterMs ?? 0) : 0;
      wishedMs = Math.max(askedMs, backoffMs * (0.75 + random.fraction() / 2));
    }
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) return givenUp(task);
    const found = await engine.clarity.wait(task, Math.min(wishedMs, leftMs), lost);
    if (found !== null) return pollStep(task, found);
    if (!canLookUp) return givenUp(task);
  }
}

/** The id that became known while a task was about to be sent again, by whatever way. */
export async function foundMeanwhile(engine: Engine, task: LeasedTask): Promise<Step> {
  const [upstreamId = null] = await engine.callbacks.clarified([task]);
  return upstreamId === null ? { next: 'dropped' } : pollStep(task, upstreamId);
}

export function confirmationOf(task: LeasedTask, upstreamId: string) {
  return { accountId: task.accountId, batchId: task.batchId, index: task.index, attempt: task.attempt, upstreamId };
}

async function lookUp(
  engine: Engine,
  { route }: RouteState,
  task: LeasedTask,
  lost: AbortSignal,
): Promise<LookUpResult> {
  try {
    const token = engine.tokenFor(task, task.attempt);
    return (await route.upstream.lookUp?.(token, lost)) ?? { kind: 'cannot_tell', detail: 'it has no look-up' };
  } catch (error) {
    if (!lost.aborted) {
      engine.logger.error({ err: error, route: route.name }, 'an adapter failed where it should have answered');
    }
    return { kind: 'cannot_tell', detail: 'the adapter failed during the look-up' };
  }
}

function pollStep(task: LeasedTask, upstreamId: string): Step {
  return { next: 'poll', task: { ...task, state: 'running', upstreamId } };
}

/** The upstream vouches for it that nothing was started and nothing will be, so there is no doubt left. */
function notStarted(task: LeasedTask): Step {
  return {
    next: 'fail',
    task,
    failure: { type: 'provider_unavailable', detail: 'the upstream never got this submission' },
    possibleDuplicate: false,
  };
}

function givenUp(task: LeasedTask): Step {
  return {
    next: 'fail',
    task,
    failure: { type: 'provider_error', detail: 'the upstream never said whether it took this submission' },
    possibleDuplicate: true,
  };
}
