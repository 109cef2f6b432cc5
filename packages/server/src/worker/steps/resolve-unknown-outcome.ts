import type { CallbackStore, ConfirmAnswer, Confirmation } from '../../generations/index.ts';
import type { Clock, Logger, Random } from '../../ports.ts';
import type { LookUpResult } from '../../upstreams/index.ts';
import type { RouteState } from '../route/route.ts';
import type { Coalescer } from '../store/coalescer.ts';
import { describeTask, type LeasedTask, type TokenFor } from '../task.ts';
import { pollStep, type Step } from './step.ts';
import type { UnknownOutcomes } from './unknown-outcomes.ts';

const FIRST_LOOK_UP_PAUSE_MS = 250;
const LONGEST_LOOK_UP_PAUSE_MS = 15_000;

export interface ResolveDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Pick<Random, 'fraction'>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly confirmations: Pick<Coalescer<Confirmation, ConfirmAnswer>, 'add'>;
  readonly unknownOutcomes: Pick<UnknownOutcomes, 'wait'>;
  readonly tokenFor: TokenFor;
}

interface ResolveRoute {
  readonly settings: Pick<RouteState['settings'], 'name' | 'unknownWaitMs'>;
  readonly upstream: Pick<RouteState['upstream'], 'lookUp'>;
}

/**
 * The call may have happened. The upstream is asked by the token where it can be, and callbacks are waited for; what stays
 * unknown for the bounded time is sent again at the operator's cost, and the attempt is kept as a possible duplicate.
 */
export async function resolveUnknownOutcome(
  deps: ResolveDeps,
  route: ResolveRoute,
  task: LeasedTask,
  lost: AbortSignal,
): Promise<Step> {
  const { clock, unknownOutcomes } = deps;
  const untilMs = clock.monotonicMs() + route.settings.unknownWaitMs - (task.unknownForMs ?? 0);
  const canLookUp = route.upstream.lookUp !== undefined;
  for (let tries = 0; ; tries += 1) {
    let wishedMs = Infinity;
    if (canLookUp) {
      const result = await lookUp(deps, route, task, lost);
      lost.throwIfAborted();
      if (result.kind === 'not_started') return notStarted(task);
      if (result.kind === 'found' && (await isConfirmed(deps, task, result.upstreamId))) {
        return pollStep(task, result.upstreamId);
      }
      wishedMs = pauseMs(result, tries, deps.random.fraction());
    }
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0) return givenUp(task);
    const found = await unknownOutcomes.wait(task, Math.min(wishedMs, leftMs), lost);
    if (found !== null) return pollStep(task, found);
    if (!canLookUp) return givenUp(task);
  }
}

/** The id that became known while a task was about to be sent again, by whatever way. */
export async function foundMeanwhile(
  { callbacks }: { readonly callbacks: Pick<CallbackStore, 'confirmedIds'> },
  task: LeasedTask,
): Promise<Step> {
  const [upstreamId = null] = await callbacks.confirmedIds([task]);
  return upstreamId === null ? { next: 'dropped' } : pollStep(task, upstreamId);
}

/** Whether the id that was found for a task could be given to it. */
async function isConfirmed(
  { confirmations, logger }: ResolveDeps,
  task: LeasedTask,
  upstreamId: string,
): Promise<boolean> {
  const { accountUuid, batchUuid, index, attempt } = task;
  const answer = await confirmations.add({ accountUuid, batchUuid, index, attempt, upstreamId });
  if (answer === 'running') return true;
  logger.warn({ ...describeTask(task), answer }, 'an id that was found by its token could not be stored with its task');
  return false;
}

/** Doubles with each look-up, or as long as the upstream asks for. */
function pauseMs(result: LookUpResult, tries: number, jitter: number): number {
  const backoffMs = Math.min(LONGEST_LOOK_UP_PAUSE_MS, FIRST_LOOK_UP_PAUSE_MS * 2 ** Math.min(tries, 10));
  const askedMs = result.kind === 'cannot_tell' ? (result.retryAfterMs ?? 0) : 0;
  return Math.max(askedMs, backoffMs * (0.75 + jitter / 2));
}

async function lookUp(
  { tokenFor, logger }: ResolveDeps,
  { settings, upstream }: ResolveRoute,
  task: LeasedTask,
  lost: AbortSignal,
): Promise<LookUpResult> {
  try {
    const token = tokenFor(task, task.attempt);
    return (await upstream.lookUp?.(token, lost)) ?? { kind: 'cannot_tell', detail: 'it has no look-up' };
  } catch (error) {
    if (!lost.aborted) {
      logger.error({ err: error, route: settings.name }, 'an adapter failed where it should have answered');
    }
    return { kind: 'cannot_tell', detail: 'the adapter failed during the look-up' };
  }
}

/** The upstream vouches for it that nothing was started and nothing will be, so that it may be sent again as if it had never been. */
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
