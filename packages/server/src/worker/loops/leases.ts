import type { Clock, Logger } from '../../ports.ts';
import type { LeaseStore } from '../store/lease-store.ts';
import type { TasksInFlight } from '../store/tasks-in-flight.ts';
import { every, startLoop, type Loop } from '../../loop/index.ts';
import { takeUp, type TakeUpDeps } from './take-up.ts';

/** Tasks that are taken over at once, so that a dead worker's load is spread over the living ones. */
const TAKE_OVER_TASKS = 500;
const SHORTEST_PERIOD_MS = 50;

interface LeaseLoopDeps extends TakeUpDeps {
  readonly workerId: string;
  readonly leaseMs: number;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

interface RenewalDeps extends LeaseLoopDeps {
  readonly store: Pick<LeaseStore, 'load' | 'renew'>;
  readonly inFlight: Pick<TasksInFlight, 'ask' | 'compare'>;
}

/** Keeps this worker's leases alive, notices the ones it lost, and reloads tasks that were lost on the way. */
export function startRenewal(deps: RenewalDeps): Loop {
  const { store, inFlight, workerId, leaseMs, clock, logger } = deps;
  const work = async (): Promise<void> => {
    const question = inFlight.ask();
    const held = await store.renew(workerId, leaseMs);
    const reload = inFlight.compare(held, question);
    if (reload.length > 0)
      logger.warn(
        { leases: reload.length },
        'some leases have tasks that this worker does not know; loading them again',
      );
    await takeUp(deps, reload);
  };
  return startLoop({ clock, logger, doing: 'renewing leases', ...every(shareOf(leaseMs, 6), work) });
}

interface TakeOverDeps extends LeaseLoopDeps {
  readonly store: Pick<LeaseStore, 'load' | 'takeOver'>;
  /** The routes that this worker serves. */
  readonly routes: { keys(): Iterable<string> };
  /** Ends the leases of workers that are known to be dead. */
  readonly voidDeadWorkers: () => Promise<void>;
}

/** Goes on with what dead or stopped workers left behind. */
export function startTakeOver(deps: TakeOverDeps): Loop {
  const { store, routes, voidDeadWorkers, workerId, leaseMs, clock, logger } = deps;
  const work = async (): Promise<void> => {
    try {
      await voidDeadWorkers();
    } catch (error) {
      // Their leases run out by themselves, and must be taken over all the same.
      logger.error({ err: error }, 'looking for dead workers of this machine failed');
    }
    const leases = await store.takeOver(workerId, leaseMs, TAKE_OVER_TASKS, [...routes.keys()]);
    if (leases.length > 0) logger.info({ leases: leases.length }, 'took over leases that had expired');
    await takeUp(deps, leases);
  };
  return startLoop({ clock, logger, doing: 'taking over leases', ...every(shareOf(leaseMs, 20), work) });
}

function shareOf(leaseMs: number, parts: number): number {
  return Math.max(SHORTEST_PERIOD_MS, Math.floor(leaseMs / parts));
}
