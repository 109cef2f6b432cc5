import type { DispatchOptions } from './dispatch.ts';
import { takeUp } from './dispatch.ts';
import type { Engine } from '../engine.ts';
import { every } from './loop.ts';
import type { Tell } from '../notices.ts';

/** Tasks that one sweep takes over at most, so that a dead worker's load is spread over the living ones. */
const TAKE_OVER_TASKS = 500;

/** Keeps this worker's leases alive, notices the ones it lost, and reloads tasks that were lost on the way. */
export function renewLeases(engine: Engine, options: DispatchOptions, stop: AbortSignal): Promise<void> {
  return every(engine, Math.max(50, Math.floor(options.leaseMs / 6)), stop, 'renewing leases', async () => {
    const question = engine.inFlight.ask();
    const held = await engine.store.renew(engine.workerId, options.leaseMs);
    const reload = engine.inFlight.compare(held, question);
    if (reload.length > 0)
      engine.logger.warn({ leases: reload.length }, 'some leases hold tasks unknown here: reloading');
    await takeUp(engine, reload, options.drive);
  });
}

/** Goes on with what dead or stopped workers left behind. */
export function takeOverLeases(
  engine: Engine,
  options: DispatchOptions,
  voidDeadWorkers: () => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  return every(engine, Math.max(50, Math.floor(options.leaseMs / 20)), stop, 'taking over leases', async () => {
    try {
      await voidDeadWorkers();
    } catch (error) {
      // Their leases run out by themselves, and must be taken over all the same.
      engine.logger.error({ err: error }, 'looking for dead workers of this machine failed');
    }
    const routes = [...engine.routes.keys()];
    const leases = await engine.store.takeOver(engine.workerId, options.leaseMs, TAKE_OVER_TASKS, routes);
    if (leases.length > 0) engine.logger.info({ leases: leases.length }, 'took over leases that ran out');
    await takeUp(engine, leases, options.drive);
  });
}

const DEADLINE_PERIOD_MS = 2_000;

/** Refunds what is still queued when its batch's deadline passes. */
export function expireBatches(engine: Engine, stop: AbortSignal): Promise<void> {
  return every(engine, DEADLINE_PERIOD_MS, stop, 'expiring batches', async () => {
    for (const batch of await engine.store.expiredBatches()) {
      const names = { account: batch.accountId, batch: batch.batchId };
      try {
        const tasks = await engine.store.expire(batch);
        engine.logger.warn({ ...names, tasks }, 'a batch passed its deadline');
      } catch (error) {
        // One account's trouble must not keep the refunds of the others.
        engine.logger.error({ ...names, err: error, alert: true }, 'a batch past its deadline could not be refunded');
      }
    }
  });
}

const UNSERVED_PERIOD_MS = 15_000;
/** Looks in a row that found tasks waiting and nothing running: a minute, in which every worker has looked for work. */
const UNSERVED_LOOKS = 4;

/**
 * Tells the operator of a route whose tasks would otherwise wait in silence for their deadline: no worker serves it, since
 * it was switched off or misspelt, or the one that does is down. Told once, and again only after it was served meanwhile.
 */
export function watchUnservedRoutes(
  engine: Engine,
  tell: Tell,
  stop: AbortSignal,
  periodMs = UNSERVED_PERIOD_MS,
): Promise<void> {
  const looks = new Map<string, number>();
  return every(engine, periodMs, stop, 'looking for routes that nobody serves', async () => {
    const waiting = await engine.store.waitingElsewhere([...engine.routes.keys()]);
    for (const route of looks.keys()) {
      if (!waiting.some((found) => found.route === route)) looks.delete(route);
    }
    for (const { route, batches, tasks } of waiting) {
      const look = (looks.get(route) ?? 0) + 1;
      looks.set(route, look);
      if (look === UNSERVED_LOOKS) tell({ type: 'route.unserved', route, batches, tasks });
    }
  });
}
