import type { Step } from './task-machine.ts';
import type { Engine, RouteState } from '../engine.ts';
import type { LeasedTask } from '../task.ts';

/** An id that its upstream has only just given out may not be known everywhere there yet: once is no answer. */
const GONE_ANSWERS_MAX = 3;

/**
 * Asks for a running task until it has an outcome or is out of time. It asks once before it gives up, so that a result
 * that came while no worker was there is not thrown away.
 */
export async function poll(
  engine: Engine,
  { route, polls, completions }: RouteState,
  task: LeasedTask & { readonly upstreamId: string },
  lost: AbortSignal,
): Promise<Step> {
  const { clock, random } = engine;
  const timeoutAtMs = task.timeoutAtMs ?? clock.monotonicMs();
  const submittedAtMs = timeoutAtMs - task.timeoutMs;
  const pauseMs = (wishedMs: number): number => {
    const ageMs = clock.monotonicMs() - submittedAtMs;
    const learnedMs = completions.pauseMs(task.model, ageMs, route.pollIntervalMs, polls.isBehind);
    const [, longestMs] = route.pollIntervalMs;
    const ms = Math.max(learnedMs, Math.min(longestMs, wishedMs)) * (0.75 + random.fraction() / 2);
    return Math.max(0, Math.min(ms, timeoutAtMs - clock.monotonicMs()));
  };

  const [shortestMs] = route.pollIntervalMs;
  const wasTakenUp = clock.monotonicMs() - submittedAtMs > shortestMs;
  // Whoever had it before may have missed its end.
  let waitMs = wasTakenUp ? Math.min(pauseMs(0), shortestMs * random.fraction()) : pauseMs(0);
  let runningAtMs = 0;
  let gone = 0;
  for (;;) {
    const result = await polls.ask(task.upstreamId, waitMs, lost, waitMs <= 0, timeoutAtMs);
    lost.throwIfAborted();
    switch (result.kind) {
      case 'succeeded':
        completions.observe(task.model, runningAtMs, clock.monotonicMs() - submittedAtMs);
        return { next: 'fetch', task, url: result.videoUrl };
      case 'failed':
        return { next: 'fail', task, failure: result.failure, possibleDuplicate: false };
      case 'gone':
        gone += 1;
        if (gone < GONE_ANSWERS_MAX) {
          if (clock.monotonicMs() >= timeoutAtMs) return { next: 'time-out', task };
          waitMs = pauseMs(shortestMs);
          continue;
        }
        return {
          next: 'fail',
          task,
          failure: { type: 'provider_error', detail: result.detail },
          possibleDuplicate: false,
        };
      case 'running':
      case 'unavailable':
        if (result.kind === 'running') {
          runningAtMs = clock.monotonicMs() - submittedAtMs;
          gone = 0;
        }
        if (clock.monotonicMs() >= timeoutAtMs) return { next: 'time-out', task };
        waitMs = pauseMs(result.kind === 'unavailable' ? (result.retryAfterMs ?? 0) : 0);
    }
  }
}
