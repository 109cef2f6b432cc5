import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

/** Identifies one POST of an account by its request_id. */
export interface RequestKey {
  readonly accountUuid: AccountUuid;
  /** Method and path template: the scope of a request_id. */
  readonly route: string;
  readonly requestId: string;
  /** SHA-256 of the request after parsing and defaults. */
  readonly requestHash: Uint8Array;
}

export type EarlierRequest =
  /** The same request was answered before; `resourceId` is the object that it created. */
  | { readonly kind: 'replay'; readonly resourceId: string }
  /** The request_id belongs to another request. */
  | { readonly kind: 'conflict' };

const KEPT_HOURS = 72;

/** What is known about a request_id from the last 72 hours; null when it was not used. */
export async function findRequest(db: Queryable, key: RequestKey): Promise<EarlierRequest | null> {
  const [kept] = await db.query<{ request_hash: Uint8Array; resource_id: string }>(
    `SELECT request_hash, resource_id FROM idempotency_keys
     WHERE account_id = $1 AND route = $2 AND request_id = $3
       AND created_at >= (SELECT rushes_now()) - make_interval(hours => ${KEPT_HOURS})`,
    [key.accountUuid, key.route, key.requestId],
  );
  if (kept === undefined) return null;
  return Buffer.from(kept.request_hash).equals(key.requestHash)
    ? { kind: 'replay', resourceId: kept.resource_id }
    : { kind: 'conflict' };
}

/**
 * Claims a request_id in the caller's transaction, so that a failed request does not use it up. Waits for a concurrent
 * claim of the same request_id; false when that one was committed.
 */
export async function claimRequest(tx: Queryable, key: RequestKey, resourceId: string): Promise<boolean> {
  // An expired key is taken over under its row's lock, so that two requests cannot both revive it.
  const claimed = await tx.query(
    `INSERT INTO idempotency_keys AS kept (account_id, route, request_id, request_hash, resource_id, created_at)
     VALUES ($1, $2, $3, $4, $5, rushes_now())
     ON CONFLICT (account_id, route, request_id) DO UPDATE
       SET request_hash = excluded.request_hash, resource_id = excluded.resource_id, created_at = excluded.created_at
       WHERE kept.created_at < excluded.created_at - make_interval(hours => ${KEPT_HOURS})
     RETURNING 1`,
    [key.accountUuid, key.route, key.requestId, key.requestHash, resourceId],
  );
  return claimed.length > 0;
}

/** Removes up to `limit` keys that are past their 72 hours. Returns how many. */
export async function purgeIdempotencyKeys(db: Queryable, limit: number): Promise<number> {
  const gone = await db.query(
    `DELETE FROM idempotency_keys WHERE (account_id, route, request_id) IN (
       SELECT account_id, route, request_id FROM idempotency_keys
       WHERE created_at < (SELECT rushes_now()) - make_interval(hours => ${KEPT_HOURS}) LIMIT $1)
     RETURNING 1`,
    [limit],
  );
  return gone.length;
}
