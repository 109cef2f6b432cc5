import type { Engine } from '../engine.ts';
import { every } from './loop.ts';
import { leaseName, type LeasedTask, type LeaseKey } from '../task.ts';

/** Tasks of one lease whose outcome is known and cannot be written for now. */
export interface Unsettled extends LeaseKey {
  readonly tasks: number;
  /** Of all tasks of the lease that are driven here. */
  readonly open: number;
}

const PERIOD_MS = 1_000;

function unsettled(engine: Engine): Unsettled[] {
  const found: Unsettled[] = [];
  for (const items of engine.endings.setApart.values()) {
    for (const ofLease of Map.groupBy(items, ({ task }) => leaseName(task)).values()) {
      const [first] = ofLease;
      if (first === undefined) continue;
      const { accountId, batchId, fence } = first.task;
      const open = engine.inFlight.openOf(first.task);
      if (ofLease.length <= open) found.push({ accountId, batchId, fence, tasks: ofLease.length, open });
    }
  }
  return found;
}

/** Tasks in flight here of which nothing runs any more: they hold their account's slots, and nobody else's. */
export function countUnsettled(engine: Engine): number {
  let count = 0;
  for (const items of engine.endings.setApart.values()) count += items.length;
  return count;
}

/**
 * A settlement that waits may wait for long, and the upstream's id with it, which is left to the settlement when a task ends
 * before its id was written: without it a crash would put a paid generation in doubt.
 */
function recordIds(engine: Engine, recorded: WeakSet<LeasedTask>): void {
  for (const items of engine.endings.setApart.values()) {
    for (const { task } of items) {
      if (task.upstreamId === null || recorded.has(task)) continue;
      recorded.add(task);
      // It is tried until it is written, or the worker stops.
      engine.submitted.add({ task, upstreamId: task.upstreamId, isMoot: false }).catch(() => undefined);
    }
  }
}

/**
 * Tells the database which tasks only wait to be settled, so that an account whose settlements fail keeps its own slots and
 * not those of the route: with as many slots as the route has, it would otherwise stop everybody else.
 */
export function reportUnsettled(engine: Engine, stop: AbortSignal): Promise<void> {
  let told = '[]';
  const recorded = new WeakSet<LeasedTask>();
  return every(engine, PERIOD_MS, stop, 'telling what waits to be settled', async () => {
    recordIds(engine, recorded);
    const now = unsettled(engine);
    const text = JSON.stringify(now);
    if (text === told) return;
    await engine.store.reportUnsettled(engine.workerId, now);
    told = text;
  });
}
