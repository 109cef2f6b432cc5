import type { TakenCallback } from '../../generations/index.ts';
import type { Engine, RouteState } from '../engine.ts';

/** How long a callback waits at most before it is looked into; with LISTEN it would be less, and no safer. */
const LOOK_INTERVAL_MS = 500;
const CALLBACKS_PER_LOOK = 200;
const AGAIN_MS = 5_000;
/** A poll may be behind the callback for a moment; an id unknown for longer is nobody's. */
const GONE_TRIES_MAX = 3;

/**
 * Looks into what upstreams called back, and tells waiting tasks what became known about them by whatever way and process:
 * one question to the database for all of them.
 */
export async function watchCallbacks(engine: Engine, stop: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  while (!stop.aborted) {
    try {
      const free = CALLBACKS_PER_LOOK - underWay.size;
      for (const callback of free > 0 ? await take(engine, free) : []) {
        const state = engine.routes.get(callback.route);
        if (state === undefined) continue;
        if (callback.kind === 'ended') {
          state.polls.wake(callback.upstreamId);
          continue;
        }
        const work = lookInto(engine, state, callback, stop).finally(() => underWay.delete(work));
        underWay.add(work);
      }
      await tellWaiting(engine);
    } catch (error) {
      if (!stop.aborted) engine.logger.warn({ err: error }, 'looking for callbacks failed; it is tried again');
    }
    await engine.clock.sleep(LOOK_INTERVAL_MS, stop).catch(() => undefined);
  }
  await Promise.all(underWay);
}

function take(engine: Engine, limit: number): Promise<TakenCallback[]> {
  return engine.callbacks.take(engine.workerId, [...engine.routes.keys()], limit, AGAIN_MS);
}

async function tellWaiting({ clarity, callbacks }: Engine): Promise<void> {
  const { tasks } = clarity;
  if (tasks.length === 0) return;
  const ids = await callbacks.clarified(tasks);
  tasks.forEach((task, at) => {
    const upstreamId = ids[at] ?? null;
    if (upstreamId !== null) clarity.tell(task, upstreamId);
  });
}

/** Asks the upstream whether there is such a generation, and by the token whether it is this one where it can say that. */
async function lookInto(engine: Engine, state: RouteState, callback: TakenCallback, stop: AbortSignal): Promise<void> {
  const fields = { ...describe(callback), route: callback.route };
  try {
    switch (await verify(engine, state, callback, stop)) {
      case 'later':
        return;
      case 'false':
        engine.logger.warn(fields, 'a callback named an id that its submission does not have');
        await engine.callbacks.drop([callback]);
        return;
      case 'true': {
        const answer = await engine.confirmations.add(callback);
        if (answer === 'running') engine.clarity.tell(callback, callback.upstreamId);
        if (answer === 'taken') engine.logger.warn(fields, 'a callback named the id of another submission');
        else engine.logger.info({ ...fields, answer }, 'a callback told the id of a submission in doubt');
      }
    }
  } catch (error) {
    // It comes again by itself.
    if (!stop.aborted) engine.logger.warn({ ...fields, err: error }, 'a callback could not be looked into');
  }
}

async function verify(
  engine: Engine,
  { route: { upstream }, polls }: RouteState,
  callback: TakenCallback,
  stop: AbortSignal,
): Promise<'true' | 'false' | 'later'> {
  const token = engine.tokenFor(callback, callback.attempt);
  const lookedUp = await upstream.lookUp?.(token, stop);
  if (lookedUp?.kind === 'found') return lookedUp.upstreamId === callback.upstreamId ? 'true' : 'false';
  if (lookedUp?.kind === 'not_started') return 'false';
  const { kind } = await polls.ask(callback.upstreamId, 0, stop, true);
  if (kind === 'gone') return callback.tries + 1 >= GONE_TRIES_MAX ? 'false' : 'later';
  return kind === 'unavailable' ? 'later' : 'true';
}

function describe({ accountId, batchId, index, attempt }: TakenCallback): Record<string, unknown> {
  return { account: accountId, batch: batchId, task: index, attempt };
}
