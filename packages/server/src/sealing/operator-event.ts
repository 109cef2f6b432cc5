import { formatId } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { Logger, Random } from '../ports.ts';

export interface OperatorEvent {
  readonly type: 'ledger.violation' | 'ledger.sealing_refused' | 'ledger.foreign_key';
  readonly accountUuid: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Teller {
  readonly random: Random;
  readonly logger: Logger;
}

/** The row that stays, in the transaction of what it tells of. */
export async function recordOperatorEvent(
  tx: Queryable,
  random: Random,
  { type, accountUuid, detail }: OperatorEvent,
): Promise<void> {
  await tx.query(
    'INSERT INTO operator_events (event_id, type, account_id, detail, created_at) VALUES ($1, $2, $3, $4, rushes_now())',
    [random.uuid(), type, accountUuid, detail],
  );
}

/** The log line with `alert`. */
export function alertOperator(logger: Logger, { type, accountUuid, detail }: OperatorEvent): void {
  const account = accountUuid === null ? null : formatId('acct', accountUuid);
  logger.error({ alert: true, account, ...detail }, type);
}

/** What an operator must know at once: a row that stays, and a log line with `alert`. */
export async function tellOperator(
  { db, random, logger }: Teller & { readonly db: Queryable },
  event: OperatorEvent,
): Promise<void> {
  alertOperator(logger, event);
  await recordOperatorEvent(db, random, event);
}
