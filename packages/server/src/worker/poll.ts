import { ask } from './ask.ts';
import type { Step } from './drive.ts';
import type { Engine, RouteState } from './engine.ts';
import { fetchVideo } from './fetch-video.ts';
import type { LeasedTask } from './task.ts';

/** The pause grows with the age of the try: a share of it, so that the delay of a result stays in proportion. */
const SHARE_OF_AGE = 0.1;

/**
 * Asks for a running task until it has an outcome or is out of time. It asks once before it gives up, so that a result
 * that came while no worker was there is not thrown away.
 */
export async function poll(
  engine: Engine,
  state: RouteState,
  task: LeasedTask & { readonly upstreamId: string },
  lost: AbortSignal,
): Promise<Step> {
  const { clock, random } = engine;
  const { pollIntervalMs } = state.route;
  const timeoutAtMs = task.timeoutAtMs ?? clock.monotonicMs();
  const submittedAtMs = timeoutAtMs - task.timeoutMs;
  const pauseMs = (wishedMs: number): number => {
    const [shortest, longest] = pollIntervalMs;
    const share = (clock.monotonicMs() - submittedAtMs) * SHARE_OF_AGE;
    const ms = Math.min(longest, Math.max(shortest, share, wishedMs)) * (0.75 + random.fraction() / 2);
    return Math.max(1, Math.min(ms, timeoutAtMs - clock.monotonicMs()));
  };

  if (clock.monotonicMs() < timeoutAtMs) await clock.sleep(pauseMs(0), lost);
  for (;;) {
    const result = await state.polls(() => ask(engine, state, task.upstreamId, lost));
    lost.throwIfAborted();
    switch (result.kind) {
      case 'succeeded':
        return fetchVideo(engine, state, task, result.videoUrl, lost);
      case 'failed':
        return { next: 'fail', task, failure: result.failure, possibleDuplicate: false };
      case 'gone':
        return {
          next: 'fail',
          task,
          failure: { type: 'provider_error', detail: result.detail },
          possibleDuplicate: false,
        };
      case 'running':
      case 'unavailable':
        if (clock.monotonicMs() >= timeoutAtMs) return { next: 'time-out', task };
        await clock.sleep(pauseMs(result.kind === 'unavailable' ? (result.retryAfterMs ?? 0) : 0), lost);
    }
  }
}
