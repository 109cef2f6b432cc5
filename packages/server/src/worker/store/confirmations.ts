import type { CallbackStore, ConfirmAnswer, Confirmation } from '../../generations/index.ts';
import type { Clock, Logger } from '../../ports.ts';
import { createCoalescer, type Coalescer } from './coalescer.ts';

const GATHER_MS = 20;
const CONFIRMATIONS_PER_CALL = 500;
const RETRY_PAUSE_MS = 500;

interface ConfirmationDeps {
  readonly callbacks: Pick<CallbackStore, 'confirm'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Gives submissions whose outcome is unknown the ids that their upstream has confirmed, many with one call. */
export function createConfirmations({
  callbacks,
  clock,
  logger,
}: ConfirmationDeps): Coalescer<Confirmation, ConfirmAnswer> {
  return createCoalescer({
    flush: (items) => callbacks.confirm(items),
    clock,
    windowMs: GATHER_MS,
    maxItems: CONFIRMATIONS_PER_CALL,
    onError(error) {
      logger.warn({ err: error }, 'confirming submissions waits for the database');
      return { action: 'retry', pauseMs: RETRY_PAUSE_MS };
    },
    groupOf: ({ accountUuid }) => accountUuid,
  });
}
