import { formatId } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import type { Clock, Logger, Random } from '../ports.ts';

export interface OperatorNotice {
  readonly type: string;
  readonly accountUuid: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

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
      await db.query(
        `INSERT INTO operator_events (event_id, type, account_id, detail, created_at)
         VALUES ($1, $2, $3, $4, rushes_now()) ON CONFLICT DO NOTHING`,
        [next.eventUuid, next.type, next.accountUuid, next.detail],
      );
      if (open[0] === next) open.shift();
    }
  };
  const write = async (): Promise<void> => {
    while (open.length > 0) {
      try {
        await writeAll();
      } catch (error) {
        logger.warn({ err: error, notices: open.length }, 'an operator event waits for the database');
        if (stopped.signal.aborted) return;
        await clock.sleep(RETRY_PAUSE_MS, stopped.signal).catch(() => undefined);
      }
    }
  };

  return {
    add(notice) {
      const account = notice.accountUuid === null ? null : formatId('acct', notice.accountUuid);
      logger.error({ alert: true, account, ...notice.detail }, notice.type);
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
