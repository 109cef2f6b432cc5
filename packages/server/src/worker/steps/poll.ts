import type { Clock, Random } from '../../ports.ts';
import type { PollResult } from '../../upstreams/index.ts';
import type { CompletionTimes } from '../route/completion-times.ts';
import type { PollQueue } from '../route/poll-queue.ts';
import type { RouteState } from '../route/route.ts';
import type { RunningTask, Step } from './step.ts';

/** An id that its upstream has only just given out may not be known everywhere there yet: once is no answer. */
const GONE_ANSWERS_MAX = 3;

export interface PollDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Pick<Random, 'fraction'>;
}

interface PollRoute {
  readonly settings: Pick<RouteState['settings'], 'pollIntervalMs'>;
  readonly polls: Pick<PollQueue, 'ask' | 'isBehind'>;
  readonly completions: Pick<CompletionTimes, 'observe' | 'pauseMs'>;
}

/**
 * Asks for a running task until it has an outcome or is out of time. It asks once before it gives up, so that a result
 * that came while no worker was there is not thrown away.
 */
export async function poll(deps: PollDeps, route: PollRoute, task: RunningTask, lost: AbortSignal): Promise<Step> {
  const { clock } = deps;
  const timeoutAtMs = task.timeoutAtMs ?? clock.monotonicMs();
  const submittedAtMs = timeoutAtMs - task.timeoutMs;
  const [shortestMs] = route.settings.pollIntervalMs;
  let waitMs = firstPauseMs(deps, route, task, timeoutAtMs);
  let runningAtMs = 0;
  let gone = 0;
  for (;;) {
    const result = await route.polls.ask(task.upstreamId, waitMs, lost, waitMs <= 0, timeoutAtMs);
    lost.throwIfAborted();
    const nowMs = clock.monotonicMs();
    switch (result.kind) {
      case 'succeeded':
        route.completions.observe(task.model, runningAtMs, nowMs - submittedAtMs);
        return { next: 'fetch', task, url: result.videoUrl };
      case 'failed':
        return { next: 'fail', task, failure: result.failure, possibleDuplicate: false };
      case 'gone':
        gone += 1;
        if (gone >= GONE_ANSWERS_MAX) return isGone(task, result.detail);
        break;
      case 'running':
        runningAtMs = nowMs - submittedAtMs;
        gone = 0;
        break;
      case 'unavailable':
    }
    if (nowMs >= timeoutAtMs) return { next: 'time-out', task };
    waitMs = pauseMs(deps, route, task, timeoutAtMs, wishedMs(result, shortestMs));
  }
}

/** Whoever had the task before may have missed its end: then it is asked for soon. */
function firstPauseMs(deps: PollDeps, route: PollRoute, task: RunningTask, timeoutAtMs: number): number {
  const [shortestMs] = route.settings.pollIntervalMs;
  const wasTakenUp = deps.clock.monotonicMs() - (timeoutAtMs - task.timeoutMs) > shortestMs;
  const ms = pauseMs(deps, route, task, timeoutAtMs, 0);
  return wasTakenUp ? Math.min(ms, shortestMs * deps.random.fraction()) : ms;
}

/** The pause before the next question: what was learned of the model, or longer where an answer asks for it. */
function pauseMs(
  { clock, random }: PollDeps,
  { settings, polls, completions }: PollRoute,
  task: RunningTask,
  timeoutAtMs: number,
  wishedMs: number,
): number {
  const nowMs = clock.monotonicMs();
  const ageMs = nowMs - (timeoutAtMs - task.timeoutMs);
  const learnedMs = completions.pauseMs(task.model, ageMs, settings.pollIntervalMs, polls.isBehind);
  const [, longestMs] = settings.pollIntervalMs;
  const ms = Math.max(learnedMs, Math.min(longestMs, wishedMs)) * (0.75 + random.fraction() / 2);
  return Math.max(0, Math.min(ms, timeoutAtMs - nowMs));
}

function wishedMs(result: PollResult, shortestMs: number): number {
  if (result.kind === 'gone') return shortestMs;
  return result.kind === 'unavailable' ? (result.retryAfterMs ?? 0) : 0;
}

function isGone(task: RunningTask, detail: string): Step {
  return { next: 'fail', task, failure: { type: 'provider_error', detail }, possibleDuplicate: false };
}
