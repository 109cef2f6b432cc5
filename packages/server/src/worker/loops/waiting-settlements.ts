import type { Clock, Logger } from '../../ports.ts';
import type { PendingSubmission } from '../store/attempt-store.ts';
import type { Coalescer } from '../store/coalescer.ts';
import type { LeaseStore, WaitingSettlements } from '../store/lease-store.ts';
import type { Settlement } from '../store/settlement.ts';
import type { TasksInFlight } from '../store/tasks-in-flight.ts';
import { leaseName, type LeasedTask } from '../task.ts';
import { every, startLoop, type Loop } from '../../loop/index.ts';

const PERIOD_MS = 1_000;

/** The settlements that failed and wait for another try, by account. */
export interface SettlementsSetApart {
  readonly setApart: ReadonlyMap<string, readonly Settlement[]>;
}

interface WaitingSettlementsDeps {
  readonly workerId: string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly store: Pick<LeaseStore, 'reportWaitingSettlements'>;
  readonly inFlight: Pick<TasksInFlight, 'openOf'>;
  readonly settlements: SettlementsSetApart;
  readonly submissions: Pick<Coalescer<PendingSubmission, boolean>, 'add'>;
}

/** Tasks in flight here of which nothing runs any more: they hold their account's slots, and nobody else's. */
export function countWaiting({ setApart }: SettlementsSetApart): number {
  let count = 0;
  for (const items of setApart.values()) count += items.length;
  return count;
}

/**
 * Tells the database which tasks only wait to be settled, so that an account whose settlements fail keeps its own slots and
 * not those of the route: with as many slots as the route has, it would otherwise stop everybody else.
 */
export function reportWaitingSettlements(deps: WaitingSettlementsDeps): Loop {
  const { clock, logger, store, workerId } = deps;
  let told = '[]';
  const recorded = new WeakSet<LeasedTask>();
  const work = async (): Promise<void> => {
    recordIds(deps, recorded);
    const now = waitingByLease(deps);
    const text = JSON.stringify(now);
    if (text === told) return;
    await store.reportWaitingSettlements(workerId, now);
    told = text;
  };
  return startLoop({ clock, logger, doing: 'telling what waits to be settled', ...every(PERIOD_MS, work) });
}

function waitingByLease({ settlements, inFlight }: WaitingSettlementsDeps): WaitingSettlements[] {
  const found: WaitingSettlements[] = [];
  for (const items of settlements.setApart.values()) {
    for (const ofLease of Map.groupBy(items, ({ task }) => leaseName(task)).values()) {
      const [first] = ofLease;
      if (first === undefined) continue;
      const { accountUuid, batchUuid, fence } = first.task;
      const open = inFlight.openOf(first.task);
      if (ofLease.length <= open) found.push({ accountUuid, batchUuid, fence, tasks: ofLease.length, open });
    }
  }
  return found;
}

/**
 * A settlement that waits may wait for long, and the upstream's id with it, which is left to the settlement when a task ends
 * before its id was written: without it a crash would leave the outcome of a paid generation unknown.
 */
function recordIds({ settlements, submissions }: WaitingSettlementsDeps, recorded: WeakSet<LeasedTask>): void {
  for (const items of settlements.setApart.values()) {
    for (const { task } of items) {
      if (task.upstreamId === null || recorded.has(task)) continue;
      recorded.add(task);
      // It is tried until it is written, or the worker stops.
      submissions.add({ task, upstreamId: task.upstreamId, isMoot: false }).catch(() => undefined);
    }
  }
}
