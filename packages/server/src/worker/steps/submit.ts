import type { Clock, Logger, Random } from '../../ports.ts';
import type { SubmitResult } from '../../upstreams/index.ts';
import type { Admission } from '../route/circuit-breaker.ts';
import type { RouteState } from '../route/route.ts';
import type { Coalescer } from '../store/coalescer.ts';
import type { LeasedTask, TokenFor } from '../task.ts';
import type { Step } from './step.ts';

export interface SubmitDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Pick<Random, 'fraction'>;
  readonly logger: Pick<Logger, 'error'>;
  /** Commits that a task is about to be sent; false when it is not ours any more. */
  readonly intents: Pick<Coalescer<LeasedTask, boolean>, 'add'>;
  readonly tokenFor: TokenFor;
}

interface SubmitRoute extends Pick<RouteState, 'breaker' | 'ids' | 'submissionSlots'> {
  readonly settings: Pick<RouteState['settings'], 'name' | 'upstreamModel' | 'callbackUrl'>;
  readonly upstream: Pick<RouteState['upstream'], 'name' | 'submit'>;
}

/**
 * Sends a queued task: first the committed intent, then the call, then the upstream's id. A crash between any two of
 * them leaves `submitting`, which whoever takes over treats as unknown and never sends again blindly. While the circuit
 * breaker is open the task goes back to the queue: waiting here, it would keep its slot from tasks that can be sent.
 */
export async function submit(deps: SubmitDeps, route: SubmitRoute, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  await route.submissionSlots.take();
  try {
    if (lost.aborted) return { next: 'dropped' };
    const admission = route.breaker.admit();
    if (!admission.admitted) {
      return { next: 'release', task, delayMs: admission.retryInMs * (1 + deps.random.fraction() / 4) };
    }
    try {
      return await send(deps, route, task, admission);
    } catch (error) {
      route.breaker.forget(admission);
      throw error;
    }
  } finally {
    route.submissionSlots.give();
  }
}

async function send(deps: SubmitDeps, route: SubmitRoute, task: LeasedTask, admission: Admission): Promise<Step> {
  const { settings, breaker } = route;
  if (!(await deps.intents.add(task))) {
    breaker.forget(admission);
    return { next: 'dropped' };
  }
  const sent: LeasedTask = {
    ...task,
    state: 'submitting',
    attempt: task.attempt + 1,
    timeoutAtMs: deps.clock.monotonicMs() + task.timeoutMs,
  };
  const model = settings.upstreamModel(task.model);
  if (model === null) {
    breaker.forget(admission);
    const detail = `route ${settings.name} does not serve ${task.model}`;
    return { next: 'fail', task: sent, failure: { type: 'model_retired', detail }, possibleDuplicate: false };
  }
  return stepAfter(route, sent, await call(deps, route, sent, model));
}

/** What the upstream's answer means for the task and for its route. */
function stepAfter({ breaker, ids }: SubmitRoute, sent: LeasedTask, result: SubmitResult): Step {
  switch (result.kind) {
    case 'accepted': {
      breaker.succeeded();
      if (!ids.add(result.upstreamId)) {
        const detail = `the id ${result.upstreamId} is that of another submission`;
        return { next: 'mark-unknown', task: sent, detail };
      }
      return { next: 'record', task: sent, upstreamId: result.upstreamId };
    }
    case 'refused': {
      const { failure } = result;
      if (failure.type === 'provider_unavailable' || failure.type === 'provider_rate_limited') {
        breaker.failed(failure.retryAfterMs);
      } else {
        breaker.succeeded();
      }
      return { next: 'fail', task: sent, failure, possibleDuplicate: false };
    }
    case 'unknown':
      breaker.failed(undefined);
      return { next: 'mark-unknown', task: sent, detail: result.detail };
  }
}

/** The call may have happened from here on: losing the lease must not cut it off, or its answer would be lost too. */
async function call(
  { tokenFor, logger }: SubmitDeps,
  { settings, upstream }: SubmitRoute,
  task: LeasedTask,
  model: string,
): Promise<SubmitResult> {
  const token = tokenFor(task, task.attempt);
  try {
    return await upstream.submit({
      model,
      prompt: task.prompt,
      params: task.params,
      token,
      ...(settings.callbackUrl === undefined ? {} : { callbackUrl: settings.callbackUrl(token) }),
    });
  } catch (error) {
    logger.error({ err: error, route: upstream.name }, 'an adapter failed where it should have answered');
    return { kind: 'unknown', detail: 'the adapter failed during the submission' };
  }
}
