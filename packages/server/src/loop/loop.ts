import type { Clock, Logger } from '../ports.ts';

/** Made once: an error with its stack would cost more than all else that happens when a loop is woken. */
const WOKEN = new Error('something happened');

export interface LoopOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'error'>;
  /** What a round does, for the log: `renewing leases`. */
  readonly doing: string;
  /**
   * Does one round and answers how many milliseconds to pause before the next, 0 for none. The signal aborts when the loop
   * is stopped. A round that rejects is logged and followed by another.
   */
  readonly round: (stopping: AbortSignal) => Promise<number>;
  /** The pause after a round that failed. No wake shortens it: whatever is broken is given the time to come back. */
  readonly failurePauseMs: number;
  /** How long a round waits, after its pause or a wake, for more to happen that it can do at once. */
  readonly gatherMs?: number;
}

/** One round after the other, until it is stopped. */
export interface Loop {
  /** Something may be there to do: the next round begins without a pause. */
  wake(): void;
  /** No further round begins; resolves when the present one has ended. */
  stop(): Promise<void>;
}

/** Begins with the first round at once. */
export function startLoop(options: LoopOptions): Loop {
  return new RunningLoop(options);
}

/** Rounds that follow one another at a fixed pause, whether they fail or not. */
export function every(
  periodMs: number,
  work: (stopping: AbortSignal) => Promise<void>,
): Pick<LoopOptions, 'round' | 'failurePauseMs'> {
  return {
    failurePauseMs: periodMs,
    async round(stopping) {
      await work(stopping);
      return periodMs;
    },
  };
}

class RunningLoop implements Loop {
  readonly #options: LoopOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  /** Cuts the pause short that the loop makes just now. */
  #pause: AbortController | null = null;
  #isWoken = false;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  wake(): void {
    this.#isWoken = true;
    this.#cutPause();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the loop is stopped'));
    this.#cutPause();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { gatherMs = 0, failurePauseMs } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Whatever happened before is seen by the round that begins now; what happens during it is perhaps not.
      this.#isWoken = false;
      const pauseMs = await this.#round();
      if (signal.aborted) return;
      if (pauseMs === null) await this.#sleep(failurePauseMs, signal);
      else if (pauseMs > 0 && !this.#isWoken) await this.#sleepUntilWoken(pauseMs);
      if (gatherMs > 0) await this.#sleep(gatherMs, signal);
    }
  }

  /** The pause that the round asks for, or null when it failed. */
  async #round(): Promise<number | null> {
    const { round, logger, doing } = this.#options;
    const { signal } = this.#stopping;
    try {
      return await round(signal);
    } catch (error) {
      if (!signal.aborted) logger.error({ err: error }, `${doing} failed and is tried again`);
      return null;
    }
  }

  async #sleepUntilWoken(ms: number): Promise<void> {
    this.#pause = new AbortController();
    await this.#sleep(ms, this.#pause.signal);
    this.#pause = null;
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    // Cut short: that is what the signal is for.
    await this.#options.clock.sleep(ms, signal).catch(() => undefined);
  }

  #cutPause(): void {
    this.#pause?.abort(WOKEN);
    this.#pause = null;
  }
}
