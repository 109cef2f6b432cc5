import { formatId } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import type { Logger, Random } from '../ports.ts';

export interface OperatorEvent {
  readonly type: 'ledger.violation' | 'ledger.sealing_refused' | 'ledger.foreign_key';
  readonly accountUuid: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What an operator must know at once: a log line with `alert`, and a row that stays. */
export async function tellOperator(
  { db, random, logger }: { readonly db: Database; readonly random: Random; readonly logger: Logger },
  { type, accountUuid, detail }: OperatorEvent,
): Promise<void> {
  const account = accountUuid === null ? null : formatId('acct', accountUuid);
  logger.error({ alert: true, account, ...detail }, type);
  await db.query(
    'INSERT INTO operator_events (event_id, type, account_id, detail, created_at) VALUES ($1, $2, $3, $4, rushes_now())',
    [random.uuid(), type, accountUuid, detail],
  );
}
