import type { Database } from '../db/index.ts';
import type { Clock, Logger, Random } from '../ports.ts';
import { alertOperator, recordOperatorEvent, type OperatorNotice } from './record-event.ts';

export interface OperatorNotices {
  /** Logs it at once; its row follows as soon as the database takes it. Never throws. */
  add(notice: OperatorNotice): void;
  /** Tries once more what is still open. */
  stop(): Promise<void>;
}

const RETRY_PAUSE_MS = 1_000;
/** Past this the database has been away for long, and what is dropped stands in the log. */
const OPEN_NOTICES_MAX = 1_000;
const LAST_TRY_MS = 2_000;

/**
 * For those who must not wait: the notice of a loop that moves money is recorded beside it. A row is written once, however
 * often an answer is lost.
 */
export function startOperatorNotices(deps: {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}): OperatorNotices {
  const { db, clock, random, logger } = deps;
  const stopped = new AbortController();
  const open: (OperatorNotice & { readonly eventUuid: string })[] = [];
  let writing: Promise<void> | null = null;

  const writeAll = async (): Promise<void> => {
    for (let next = open[0]; next !== undefined; next = open[0]) {
      await recordOperatorEvent(db, next.eventUuid, next);
      if (open[0] === next) open.shift();
    }
  };
  const write = async (): Promise<void> => {
    while (open.length > 0) {
      try {
        await writeAll();
      } catch (error) {
        logger.warn(
          { err: error, notices: open.length },
          'an event for operators cannot be stored yet; it is tried again',
        );
        if (stopped.signal.aborted) return;
        await clock.sleep(RETRY_PAUSE_MS, stopped.signal).catch(() => undefined);
      }
    }
  };

  return {
    add(notice) {
      alertOperator(logger, notice);
      if (open.length >= OPEN_NOTICES_MAX) open.shift();
      open.push({ ...notice, eventUuid: random.uuid() });
      writing ??= write().finally(() => (writing = null));
    },
    async stop() {
      stopped.abort();
      const timer = new AbortController();
      await Promise.race([writing, clock.sleep(LAST_TRY_MS, timer.signal).catch(() => undefined)]);
      timer.abort();
    },
  };
}
