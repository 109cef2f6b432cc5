import type { Database, Queryable } from '../db/index.ts';

/** One POST of an account, as its request_id names it. */
export interface OnceKey {
  readonly accountUuid: string;
  /** Method and path template: the scope of a request_id. */
  readonly route: string;
  readonly requestId: string;
  /** SHA-256 of the request after parsing and defaults. */
  readonly requestHash: Uint8Array;
}

export type OnceResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** The same request was answered before; `resourceId` is what it made. */
  | { readonly kind: 'replay'; readonly resourceId: string }
  /** The request_id stands on another request. */
  | { readonly kind: 'conflict' };

const KEPT_HOURS = 72;

interface KeptRow {
  readonly request_hash: Uint8Array;
  readonly resource_id: string;
}

/**
 * Does `work` once per request_id within 72 hours. The key and what `work` writes through `tx` are committed together;
 * a concurrent duplicate waits on the key's row until then. When `work` throws, the request_id is not used up.
 *
 * @param resourceId names what `work` will make; a replay gets it back.
 */
export async function doOnce<T>(
  db: Database,
  key: OnceKey,
  resourceId: string,
  work: (tx: Queryable) => Promise<T>,
): Promise<OnceResult<T>> {
  return db.transaction(async (tx): Promise<OnceResult<T>> => {
    const name = [key.accountUuid, key.route, key.requestId];
    // An expired key is taken over by the insert's own row lock, so that two requests cannot both revive it.
    const [claimed] = await tx.query(
      `INSERT INTO idempotency_keys AS kept (account_id, route, request_id, request_hash, resource_id, created_at)
       VALUES ($1, $2, $3, $4, $5, rushes_now())
       ON CONFLICT (account_id, route, request_id) DO UPDATE
         SET request_hash = excluded.request_hash, resource_id = excluded.resource_id, created_at = excluded.created_at
         WHERE kept.created_at < excluded.created_at - make_interval(hours => ${KEPT_HOURS})
       RETURNING 1`,
      [...name, key.requestHash, resourceId],
    );
    if (claimed !== undefined) return { kind: 'done', value: await work(tx) };
    const [kept] = await tx.query<KeptRow>(
      'SELECT request_hash, resource_id FROM idempotency_keys WHERE account_id = $1 AND route = $2 AND request_id = $3',
      name,
    );
    if (kept === undefined) throw new Error('an idempotency key vanished between two statements');
    return Buffer.from(kept.request_hash).equals(key.requestHash)
      ? { kind: 'replay', resourceId: kept.resource_id }
      : { kind: 'conflict' };
  });
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
