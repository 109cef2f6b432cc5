import type { Clock, Logger } from '../../ports.ts';
import type { RouteState } from '../route/route.ts';
import type { LeaseStore } from '../store/lease-store.ts';
import type { TasksInFlight } from '../store/tasks-in-flight.ts';
import type { WorkerMetrics } from '../worker-metrics.ts';
import { FreeSpace, type MeasuredStorage } from './free-space.ts';
import { startLoop, type Loop } from '../../loop/index.ts';
import { takeUp, type TakeUpDeps } from './take-up.ts';
import { countWaiting, type SettlementsSetApart } from './waiting-settlements.ts';

interface DispatchDeps extends TakeUpDeps {
  readonly workerId: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  readonly store: Pick<LeaseStore, 'claim' | 'load'>;
  readonly storage: Pick<MeasuredStorage, 'freeBytes'>;
  readonly routes: ReadonlyMap<string, Pick<RouteState, 'breaker'>>;
  readonly inFlight: Pick<TasksInFlight, 'count'>;
  readonly settlements: SettlementsSetApart;
  readonly metrics: Pick<WorkerMetrics, 'claimedLeases'>;
}

interface DispatchOptions {
  /** Tasks in flight at once in this process. */
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Longest pause between two looks for work; a free slot or a wake shortens it. */
  readonly idleMs: number;
}

const NO_SPACE_PAUSE_MS = 1_000;
const FAILURE_PAUSE_MS = 1_000;
/** Slots become free one by one, and a claim costs the same for one as for a hundred. */
const GATHER_MS = 10;

/**
 * Claims tasks whenever slots are free: for every route, no more than it, its accounts and this process can take now.
 * If the process dies between the claim and the first call, the leases run out and the tasks are still queued.
 */
export function startDispatch(deps: DispatchDeps, options: DispatchOptions): Loop {
  const { clock, logger } = deps;
  const dispatcher = new Dispatcher(deps, options);
  return startLoop({
    clock,
    logger,
    doing: 'claiming tasks',
    failurePauseMs: FAILURE_PAUSE_MS,
    gatherMs: GATHER_MS,
    round: (stopping) => dispatcher.round(stopping),
  });
}

class Dispatcher {
  readonly #deps: DispatchDeps;
  readonly #options: DispatchOptions;
  readonly #space: FreeSpace;
  /** Served longest ago first, so that no route keeps the free slots from another. */
  readonly #waiting: string[];
  #isFull = false;

  constructor(deps: DispatchDeps, options: DispatchOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#space = new FreeSpace(deps.storage, deps.clock);
    this.#waiting = [...deps.routes.keys()];
  }

  async round(stopping: AbortSignal): Promise<number> {
    if (!(await this.#hasSpace())) return NO_SPACE_PAUSE_MS;
    let claimed = 0;
    for (const [at, route] of [...this.#waiting].entries()) {
      const slots = this.#slotsFor(route, this.#waiting.length - at);
      if (slots > 0 && !stopping.aborted) claimed += await this.#claim(route, slots);
    }
    return claimed === 0 ? this.#options.idleMs : 0;
  }

  async #hasSpace(): Promise<boolean> {
    const isEnough = await this.#space.isEnough();
    if (!isEnough && !this.#isFull) {
      this.#deps.logger.error(
        { alert: true },
        'the video storage is almost full: no new tasks are started; free some space',
      );
    }
    this.#isFull = !isEnough;
    return isEnough;
  }

  /** What a route may be given now: its share of the free slots among those that come after it, and no more than it can take. */
  #slotsFor(route: string, routesLeft: number): number {
    const { routes, inFlight, settlements } = this.#deps;
    const free = this.#options.concurrency - Math.max(0, inFlight.count - countWaiting(settlements));
    return routes.get(route)?.breaker.capacity(Math.ceil(free / routesLeft)) ?? 0;
  }

  /** Answers how many leases it got. */
  async #claim(route: string, slots: number): Promise<number> {
    const { store, workerId, metrics } = this.#deps;
    const leases = await store.claim(workerId, route, slots, this.#options.leaseMs);
    if (leases.length === 0) return 0;
    this.#waiting.push(...this.#waiting.splice(this.#waiting.indexOf(route), 1));
    metrics.claimedLeases.add({ route }, leases.length);
    await takeUp(this.#deps, leases);
    return leases.length;
  }
}
