import type { CallbackStore, ConfirmAnswer, Confirmation, TakenCallback } from '../../generations/index.ts';
import type { Clock, Logger } from '../../ports.ts';
import type { PollQueue } from '../route/poll-queue.ts';
import type { RouteState } from '../route/route.ts';
import type { UnknownOutcomes } from '../steps/unknown-outcomes.ts';
import type { Coalescer } from '../store/coalescer.ts';
import type { TokenFor } from '../task.ts';
import { every, startLoop, type Loop } from '../../loop/index.ts';

/** How long a callback waits at most before it is looked into; with LISTEN it would be less, and no safer. */
const LOOK_INTERVAL_MS = 500;
const CALLBACKS_PER_LOOK = 200;
const AGAIN_MS = 5_000;
/** A poll may be behind the callback for a moment; an id unknown for longer is nobody's. */
const GONE_TRIES_MAX = 3;

interface CallbackRoute {
  readonly upstream: Pick<RouteState['upstream'], 'lookUp'>;
  readonly polls: Pick<PollQueue, 'ask' | 'wake'>;
}

interface CallbackDeps {
  readonly workerId: string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly callbacks: Pick<CallbackStore, 'take' | 'drop' | 'confirmedIds'>;
  readonly confirmations: Pick<Coalescer<Confirmation, ConfirmAnswer>, 'add'>;
  readonly unknownOutcomes: Pick<UnknownOutcomes, 'tasks' | 'tell'>;
  readonly routes: ReadonlyMap<string, CallbackRoute>;
  readonly tokenFor: TokenFor;
}

/**
 * Looks into what upstreams called back, and tells waiting tasks what became known about them by whatever way and process:
 * one question to the database for all of them.
 */
export function watchCallbacks(deps: CallbackDeps): Loop {
  const { clock, logger } = deps;
  const underWay = new Set<Promise<void>>();
  const work = async (stopping: AbortSignal): Promise<void> => {
    const free = CALLBACKS_PER_LOOK - underWay.size;
    for (const callback of free > 0 ? await take(deps, free) : []) {
      const route = deps.routes.get(callback.route);
      if (route === undefined) continue;
      if (callback.kind === 'ended') {
        route.polls.wake(callback.upstreamId);
        continue;
      }
      const lookingInto = lookInto(deps, route, callback, stopping).finally(() => underWay.delete(lookingInto));
      underWay.add(lookingInto);
    }
    await tellWaiting(deps);
  };
  const loop = startLoop({ clock, logger, doing: 'looking for callbacks', ...every(LOOK_INTERVAL_MS, work) });
  return {
    wake: () => loop.wake(),
    async stop() {
      await loop.stop();
      await Promise.all(underWay);
    },
  };
}

function take({ callbacks, workerId, routes }: CallbackDeps, limit: number): Promise<TakenCallback[]> {
  return callbacks.take(workerId, [...routes.keys()], limit, AGAIN_MS);
}

async function tellWaiting({ unknownOutcomes, callbacks }: CallbackDeps): Promise<void> {
  const { tasks } = unknownOutcomes;
  if (tasks.length === 0) return;
  const ids = await callbacks.confirmedIds(tasks);
  tasks.forEach((task, at) => {
    const upstreamId = ids[at] ?? null;
    if (upstreamId !== null) unknownOutcomes.tell(task, upstreamId);
  });
}

/** Asks the upstream whether there is such a generation, and by the token whether it is this one where it can say that. */
async function lookInto(
  deps: CallbackDeps,
  route: CallbackRoute,
  callback: TakenCallback,
  stopping: AbortSignal,
): Promise<void> {
  const { logger } = deps;
  const fields = { ...describe(callback), route: callback.route };
  try {
    switch (await verify(deps, route, callback, stopping)) {
      case 'later':
        return;
      case 'false':
        logger.warn(fields, 'a callback has an id that does not belong to its submission');
        await deps.callbacks.drop([callback]);
        return;
      case 'true': {
        const answer = await deps.confirmations.add(callback);
        if (answer === 'running') deps.unknownOutcomes.tell(callback, callback.upstreamId);
        if (answer === 'taken') logger.warn(fields, 'a callback has the id of another submission');
        else logger.info({ ...fields, answer }, 'a callback has the id of a submission whose outcome was unknown');
      }
    }
  } catch (error) {
    // It comes again by itself.
    if (!stopping.aborted) logger.warn({ ...fields, err: error }, 'a callback could not be checked; it is tried again');
  }
}

async function verify(
  { tokenFor }: CallbackDeps,
  { upstream, polls }: CallbackRoute,
  callback: TakenCallback,
  stopping: AbortSignal,
): Promise<'true' | 'false' | 'later'> {
  const token = tokenFor(callback, callback.attempt);
  const lookedUp = await upstream.lookUp?.(token, stopping);
  if (lookedUp?.kind === 'found') return lookedUp.upstreamId === callback.upstreamId ? 'true' : 'false';
  if (lookedUp?.kind === 'not_started') return 'false';
  const { kind } = await polls.ask(callback.upstreamId, 0, stopping, true);
  if (kind === 'gone') return callback.tries + 1 >= GONE_TRIES_MAX ? 'false' : 'later';
  return kind === 'unavailable' ? 'later' : 'true';
}

function describe({ accountUuid, batchUuid, index, attempt }: TakenCallback): Record<string, unknown> {
  return { account: accountUuid, batch: batchUuid, task: index, attempt };
}
