import type { Clock, Logger } from '../../ports.ts';
import type { ScheduleStore } from '../store/schedule-store.ts';
import { every, startLoop, type Loop } from '../../loop/index.ts';

const PERIOD_MS = 2_000;

interface ExpiryDeps {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly store: Pick<ScheduleStore, 'expiredBatches' | 'expire'>;
}

/** Refunds what is still queued when its batch's deadline passes. */
export function startExpiry({ clock, logger, store }: ExpiryDeps): Loop {
  const work = async (): Promise<void> => {
    for (const batch of await store.expiredBatches()) {
      const names = { account: batch.accountUuid, batch: batch.batchUuid };
      try {
        const tasks = await store.expire(batch);
        logger.warn({ ...names, tasks }, 'a batch passed its deadline');
      } catch (error) {
        // One account's trouble must not keep the refunds of the others.
        logger.error({ ...names, err: error, alert: true }, 'a batch past its deadline could not be refunded');
      }
    }
  };
  return startLoop({ clock, logger, doing: 'expiring batches', ...every(PERIOD_MS, work) });
}
