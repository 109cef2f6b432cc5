import { isUnavailable } from '../../db/index.ts';
import type { Engine } from '../engine.ts';
import { FreeSpace } from './free-space.ts';
import { countUnsettled } from './waiting-settlements.ts';
import type { LeasedTask, LeaseKey } from '../task.ts';

export interface DispatchOptions {
  /** Tasks in flight at once in this process. */
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Longest pause between two looks for work; a free slot or `wake` shortens it. */
  readonly idleMs: number;
  readonly drive: (task: LeasedTask) => void;
}

const NO_SPACE_PAUSE_MS = 1_000;
/** Slots become free one by one, and a claim costs the same for one as for a hundred. */
const GATHER_MS = 10;

/** Loads the unfinished tasks of leases and drives them. */
export async function takeUp(
  engine: Engine,
  leases: readonly LeaseKey[],
  driveTask: (task: LeasedTask) => void,
): Promise<void> {
  if (leases.length === 0) return;
  for (const task of await engine.store.load(leases)) driveTask(task);
}

/**
 * Claims tasks whenever slots are free: for every route, no more than it, its accounts and this process can take now.
 * If the process dies between the claim and the first call, the leases run out and the tasks are still queued.
 */
export async function dispatch(engine: Engine, options: DispatchOptions, wake: Wake, stop: AbortSignal): Promise<void> {
  /** Served longest ago first, so that no route keeps the free slots from another. */
  const waiting = [...engine.routes];
  const space = new FreeSpace(engine.storage, engine.clock);
  let isFull = false;
  while (!stop.aborted) {
    try {
      if (!(await space.isEnough())) {
        if (!isFull)
          engine.logger.error({ alert: true }, 'the video storage is almost full: nothing new is dispatched');
        isFull = true;
        await wake.wait(NO_SPACE_PAUSE_MS, stop);
        continue;
      }
      isFull = false;
      let claimed = 0;
      for (const [at, route] of [...waiting].entries()) {
        const [name, { breaker }] = route;
        const free = options.concurrency - Math.max(0, engine.inFlight.count - countUnsettled(engine));
        const slots = breaker.capacity(Math.ceil(free / (waiting.length - at)));
        if (slots <= 0 || stop.aborted) continue;
        const leases = await engine.store.claim(engine.workerId, name, slots, options.leaseMs);
        if (leases.length === 0) continue;
        waiting.push(...waiting.splice(waiting.indexOf(route), 1));
        claimed += leases.length;
        engine.metrics.claimedLeases.add({ route: name }, leases.length);
        await takeUp(engine, leases, options.drive);
      }
      if (claimed === 0) await wake.wait(options.idleMs, stop);
      await engine.clock.sleep(GATHER_MS, stop).catch(() => undefined);
    } catch (error) {
      if (stop.aborted) return;
      const message = isUnavailable(error)
        ? 'the database is away; claiming waits'
        : 'claiming failed; it is tried again';
      engine.logger.error({ err: error }, message);
      await wake.wait(1_000, stop);
    }
  }
}

/** Made once: an error with its stack would cost more than all else that happens when a slot becomes free. */
const WOKEN = new Error('something happened');

/** A pause that ends early when something happened. */
export class Wake {
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #happened = false;
  #cut: AbortController | null = null;

  constructor(sleep: (ms: number, signal: AbortSignal) => Promise<void>) {
    this.#sleep = sleep;
  }

  now(): void {
    this.#happened = true;
    this.#cut?.abort(WOKEN);
    this.#cut = null;
  }

  async wait(ms: number, stop: AbortSignal): Promise<void> {
    if (!this.#happened && ms > 0 && !stop.aborted) {
      this.#cut = new AbortController();
      try {
        await this.#sleep(ms, AbortSignal.any([stop, this.#cut.signal]));
      } catch {
        // Cut short: that is what it is for.
      } finally {
        this.#cut = null;
      }
    }
    this.#happened = false;
  }
}
