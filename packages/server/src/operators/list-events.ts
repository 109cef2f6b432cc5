import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

export interface ListedOperatorEvent {
  readonly eventUuid: string;
  /** For instance `account.quarantined`. */
  readonly type: string;
  /** Null for an event that is not of one account. */
  readonly accountUuid: AccountUuid | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
}

/** The newest events, the newest first; those of one account when it is named. */
export async function listOperatorEvents(
  db: Queryable,
  { accountUuid, limit }: { readonly accountUuid: AccountUuid | null; readonly limit: number },
): Promise<readonly ListedOperatorEvent[]> {
  const rows = await db.query<{
    event_id: string;
    type: string;
    account_id: AccountUuid | null;
    detail: Record<string, unknown>;
    created_at: Date;
  }>(
    `SELECT event_id, type, account_id, detail, created_at FROM operator_events
     WHERE $1::uuid IS NULL OR account_id = $1
     ORDER BY created_at DESC, event_id DESC LIMIT $2`,
    [accountUuid, limit],
  );
  return rows.map((row) => ({
    eventUuid: row.event_id,
    type: row.type,
    accountUuid: row.account_id,
    detail: row.detail,
    createdAt: row.created_at,
  }));
}
