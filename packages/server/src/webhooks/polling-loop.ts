import type { Clock, Logger } from '../ports.ts';
import { BUSY_POLL_MS, IDLE_POLL_MS, QUIET_ROUNDS } from './limits.ts';

/** What one round of a loop found: `more` asks for the next round at once. */
export type RoundResult = 'more' | 'nothing';

export interface PollingLoop {
  /** Something may be there: look now instead of at the next poll. */
  wake(): void;
  /** No further round begins; resolves when the present one has ended. */
  stop(): Promise<void>;
}

export interface PollingLoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly round: () => Promise<RoundResult>;
  /** Between rounds that found nothing; by default short while there is work about, and longer after a quiet while. */
  readonly pauseMs?: number;
}

/** Runs rounds one after the other. A round that throws is logged and followed by a pause; the loop never ends by it. */
export function startPollingLoop({ name, clock, logger, round, pauseMs }: PollingLoopOptions): PollingLoop {
  let stopped = false;
  let woken = false;
  let pause = new AbortController();

  const wake = (): void => {
    woken = true;
    pause.abort();
  };

  const runRound = async (): Promise<RoundResult | 'failed'> => {
    try {
      return await round();
    } catch (error) {
      logger.warn({ err: error, loop: name }, 'a webhook round failed and is tried again');
      return 'failed';
    }
  };

  const run = async (): Promise<void> => {
    let quiet = 0;
    while (!stopped) {
      woken = false;
      const result = await runRound();
      quiet = result === 'nothing' ? quiet + 1 : 0;
      if (result === 'more') continue;
      pause = new AbortController();
      // Set while the round ran. After a failure even a wake waits: the database is given the time to come back.
      if (stopped || (woken && result !== 'failed')) continue;
      const usualMs = result === 'failed' || quiet > QUIET_ROUNDS ? IDLE_POLL_MS : BUSY_POLL_MS;
      await clock.sleep(pauseMs ?? usualMs, pause.signal).catch(() => undefined);
    }
  };
  const ended = run();

  return {
    wake,
    async stop() {
      stopped = true;
      wake();
      await ended;
    },
  };
}
