import { startLoop, type Loop } from '../loop/index.ts';
import type { Clock, Logger } from '../ports.ts';
import { BUSY_POLL_MS, IDLE_POLL_MS, QUIET_ROUNDS } from './limits.ts';

/** What one round of a loop found: `more` asks for the next round at once. */
export type RoundResult = 'more' | 'nothing';

interface PollingLoopOptions {
  /** What a round does, for the log: `fanning events out`. */
  readonly doing: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly round: () => Promise<RoundResult>;
  /** Between rounds that found nothing; by default short while there is work about, and longer after a quiet while. */
  readonly pauseMs?: number;
}

/** Runs rounds one after the other, as often as there is work for them. */
export function startPollingLoop({ doing, clock, logger, round, pauseMs }: PollingLoopOptions): Loop {
  let quietRounds = 0;
  return startLoop({
    clock,
    logger,
    doing,
    failurePauseMs: pauseMs ?? IDLE_POLL_MS,
    async round() {
      const result = await round();
      quietRounds = result === 'nothing' ? quietRounds + 1 : 0;
      if (result === 'more') return 0;
      return pauseMs ?? (quietRounds > QUIET_ROUNDS ? IDLE_POLL_MS : BUSY_POLL_MS);
    },
  });
}
