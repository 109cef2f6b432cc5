import type { SubmitResult } from '../../upstreams/index.ts';
import type { Admission } from '../route/circuit-breaker.ts';
import type { Engine, RouteState } from '../engine.ts';
import type { Step } from './task-machine.ts';
import type { LeasedTask } from '../task.ts';

/**
 * Sends a queued task: first the committed intent, then the call, then the upstream's id. A crash between any two of
 * them leaves `submitting`, which whoever takes over treats as unknown and never sends again blindly. While the circuit
 * breaker is open the task goes back to the queue: waiting here, it would keep its slot from tasks that can be sent.
 */
export async function submit(engine: Engine, state: RouteState, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  await state.submissions.take();
  try {
    if (lost.aborted) return { next: 'dropped' };
    const admission = state.breaker.admit();
    if (!admission.admitted) {
      return { next: 'release', task, delayMs: admission.retryInMs * (1 + engine.random.fraction() / 4) };
    }
    try {
      return await send(engine, state, task, admission);
    } catch (error) {
      state.breaker.forget(admission);
      throw error;
    }
  } finally {
    state.submissions.give();
  }
}

async function send(
  engine: Engine,
  { route, breaker, ids }: RouteState,
  task: LeasedTask,
  admission: Admission,
): Promise<Step> {
  if (!(await engine.intents.add(task))) {
    breaker.forget(admission);
    return { next: 'dropped' };
  }
  const attempt = task.attempt + 1;
  const sent: LeasedTask = {
    ...task,
    state: 'submitting',
    attempt,
    timeoutAtMs: engine.clock.monotonicMs() + task.timeoutMs,
  };
  const model = route.upstreamModel(task.model);
  if (model === null) {
    breaker.forget(admission);
    const detail = `route ${route.name} does not serve ${task.model}`;
    return { next: 'fail', task: sent, failure: { type: 'model_retired', detail }, possibleDuplicate: false };
  }

  const result = await call(engine, route, sent, model);
  switch (result.kind) {
    case 'accepted': {
      breaker.succeeded();
      if (!ids.add(result.upstreamId)) {
        return { next: 'doubt', task: sent, detail: `the id ${result.upstreamId} is that of another submission` };
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
      return { next: 'doubt', task: sent, detail: result.detail };
  }
}

/** The call may have happened from here on: losing the lease must not cut it off, or its answer would be lost too. */
async function call(
  engine: Engine,
  { upstream, callbackUrl }: RouteState['route'],
  task: LeasedTask,
  model: string,
): Promise<SubmitResult> {
  const token = engine.tokenFor(task, task.attempt);
  try {
    return await upstream.submit({
      model,
      prompt: task.prompt,
      params: task.params,
      token,
      ...(callbackUrl === undefined ? {} : { callbackUrl: callbackUrl(token) }),
    });
  } catch (error) {
    engine.logger.error({ err: error, route: upstream.name }, 'an adapter failed where it should have answered');
    return { kind: 'unknown', detail: 'the adapter failed during the submission' };
  }
}
