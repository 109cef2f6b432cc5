import type { Engine, RouteState } from './engine.ts';
import type { Step } from './drive.ts';
import type { LeasedTask } from './task.ts';

/**
 * Sends a queued task: first the committed intent, then the call, then the upstream's id. A crash between any two of
 * them leaves `submitting`, which whoever takes over treats as unknown and never sends again blindly.
 */
export async function submit(engine: Engine, state: RouteState, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  const { route, breaker } = state;
  const upstreamModel = route.upstreamModel(task.model);
  await breaker.admit(lost);
  const sent = await state.submissions(async () => {
    if (lost.aborted || !(await engine.intents.add(task))) return null;
    const attempt = task.attempt + 1;
    const submitting: LeasedTask = {
      ...task,
      state: 'submitting',
      attempt,
      timeoutAtMs: engine.clock.monotonicMs() + task.timeoutMs,
    };
    if (upstreamModel === null) {
      return { task: submitting, result: { kind: 'refused' as const, failure: { type: 'model_retired' as const, detail: `route ${route.name} does not serve ${task.model}` } } };
    }
    // From here on the call may have happened: losing the lease must not cut it off, or its answer would be lost too.
    const result = await route.upstream.submit({
      model: upstreamModel,
      prompt: task.prompt,
      params: task.params,
      token: engine.tokenFor(task, attempt),
    });
    return { task: submitting, result };
  });
  if (sent === null) {
    breaker.forgetProbe();
    return { next: 'dropped' };
  }

  switch (sent.result.kind) {
    case 'accepted': {
      breaker.succeeded();
      const { upstreamId } = sent.result;
      const won = await engine.submitted.add({ task: sent.task, upstreamId });
      return won ? { next: 'poll', task: { ...sent.task, state: 'running', upstreamId } } : { next: 'dropped' };
    }
    case 'refused': {
      const { failure } = sent.result;
      if (failure.type === 'provider_unavailable' || failure.type === 'provider_rate_limited') {
        breaker.failed(failure.retryAfterMs);
      } else {
        breaker.succeeded();
      }
      return { next: 'fail', task: sent.task, failure, possibleDuplicate: false };
    }
    case 'unknown': {
      breaker.failed(undefined);
      const won = await engine.unknowns.add({ task: sent.task, detail: sent.result.detail });
      return won ? { next: 'wait', task: { ...sent.task, state: 'unknown', unknownForMs: 0 } } : { next: 'dropped' };
    }
  }
}
