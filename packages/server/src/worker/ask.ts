import type { PollResult } from '../upstreams/index.ts';
import type { Engine, RouteState } from './engine.ts';

/** One question about a task. An adapter that fails must not keep a task from its timeout. */
export async function ask(
  engine: Engine,
  { route }: RouteState,
  upstreamId: string,
  lost: AbortSignal,
): Promise<PollResult> {
  try {
    return await route.upstream.poll(upstreamId, lost);
  } catch (error) {
    if (!lost.aborted) {
      engine.logger.error({ err: error, route: route.name }, 'an adapter failed where it should have answered');
    }
    return { kind: 'unavailable', detail: 'the adapter failed during the poll' };
  }
}
