import { accountIds, type AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { Logger, Random } from '../ports.ts';

export interface OperatorNotice {
  /** For instance `account.quarantined`. */
  readonly type: string;
  /** Null for a notice that is not of one account. */
  readonly accountUuid: AccountUuid | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The row that stays, in the transaction of what it tells of. One id is written once, however often it is tried. */
export async function recordOperatorEvent(
  tx: Queryable,
  eventUuid: string,
  { type, accountUuid, detail }: OperatorNotice,
): Promise<void> {
  await tx.query(
    `INSERT INTO operator_events (event_id, type, account_id, detail, created_at)
     VALUES ($1, $2, $3, $4, rushes_now()) ON CONFLICT DO NOTHING`,
    [eventUuid, type, accountUuid, detail],
  );
}

/** The log line with `alert`. */
export function alertOperator(logger: Logger, { type, accountUuid, detail }: OperatorNotice): void {
  const account = accountUuid === null ? null : accountIds.format(accountUuid);
  logger.error({ alert: true, account, ...detail }, type);
}

/** Both at once, for callers that wait for the row. */
export async function tellOperator(
  { db, random, logger }: { readonly db: Queryable; readonly random: Random; readonly logger: Logger },
  notice: OperatorNotice,
): Promise<void> {
  alertOperator(logger, notice);
  await recordOperatorEvent(db, random.uuid(), notice);
}
