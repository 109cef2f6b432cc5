import type { EndpointUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { EVENT_DATA, type EventRow } from './events.ts';
import { FIRST_POSITION, type EndpointPosition } from './fan-out.ts';
import { ENDPOINTS_PER_LOOK } from './limits.ts';

/** An endpoint that something waits for. */
export interface WaitingEndpoint extends EndpointPosition {
  readonly url: string;
  readonly sealed_secret: Uint8Array;
  /** Secrets from before rotations that still sign, newest first. */
  readonly retired_secrets: readonly Uint8Array[];
  /** Disabled or deleted: what waits is to be ended, not sent. */
  readonly ended: 'endpoint_disabled' | 'endpoint_deleted' | null;
}

/**
 * The endpoints that have a delivery due, and those that were disabled or deleted while something waited for them. A
 * loose index scan: one probe of the partial index per endpoint with anything pending, however long their queues are,
 * and a single probe when nothing is. Measured: 0.5 ms with nothing pending, 5 ms with 15,000 retries of 1,000 endpoints.
 */
const LOOK = `
WITH RECURSIVE n AS MATERIALIZED (SELECT rushes_now() AS now),
waiting AS (
  (SELECT d.account_id, d.endpoint_id FROM webhook_deliveries d
   WHERE d.state = 'pending' AND (d.account_id, d.endpoint_id) > ($1::uuid, $2::uuid)
   ORDER BY d.account_id, d.endpoint_id LIMIT 1)
  UNION ALL
  SELECT f.account_id, f.endpoint_id
  FROM waiting w CROSS JOIN LATERAL (
    SELECT d.account_id, d.endpoint_id FROM webhook_deliveries d
    WHERE d.state = 'pending' AND (d.account_id, d.endpoint_id) > (w.account_id, w.endpoint_id)
    ORDER BY d.account_id, d.endpoint_id LIMIT 1
  ) f
)
SELECT e.account_id, e.endpoint_id, e.url, e.sealed_secret,
  ARRAY(SELECT r.secret FROM n, unnest(e.retired_secrets, e.retired_until) WITH ORDINALITY AS r(secret, until, place)
    WHERE r.until > n.now ORDER BY r.place) AS retired_secrets,
  CASE WHEN e.deleted_at IS NOT NULL THEN 'endpoint_deleted' WHEN NOT e.enabled THEN 'endpoint_disabled' END AS ended
FROM waiting w JOIN webhook_endpoints e ON e.account_id = w.account_id AND e.endpoint_id = w.endpoint_id
WHERE e.deleted_at IS NOT NULL OR NOT e.enabled OR EXISTS (
  SELECT FROM webhook_deliveries d, n
  WHERE d.account_id = w.account_id AND d.endpoint_id = w.endpoint_id AND d.state = 'pending'
    AND d.next_attempt_at <= n.now AND (d.locked_until IS NULL OR d.locked_until <= n.now)
)
ORDER BY e.account_id, e.endpoint_id
LIMIT $3::integer`;

export interface LookResult {
  readonly endpoints: readonly WaitingEndpoint[];
  /** Where the next look goes on. */
  readonly next: EndpointPosition;
}

/** One look behind `after`. */
export async function lookForWaitingEndpoints(db: Queryable, after: EndpointPosition): Promise<LookResult> {
  const endpoints = await db.query<WaitingEndpoint>(LOOK, [after.account_id, after.endpoint_id, ENDPOINTS_PER_LOOK]);
  const last = endpoints.length === ENDPOINTS_PER_LOOK ? endpoints.at(-1) : undefined;
  return { endpoints, next: last ?? FIRST_POSITION };
}

/** A delivery that is this worker's until its lock ends, with the event to send. */
export interface ClaimedDelivery extends EventRow {
  readonly endpoint_id: EndpointUuid;
  readonly attempts: number;
  readonly fence: number;
  /** Asked for by hand: one attempt, whatever becomes of it. */
  readonly manual: boolean;
}

/**
 * Locks due deliveries, for each endpoint at most as many as there is room for. The fence in the UPDATE's condition
 * decides; SKIP LOCKED only keeps workers from waiting for each other.
 */
const CLAIM = `
WITH n AS MATERIALIZED (SELECT rushes_now() AS now),
picked AS MATERIALIZED (
  SELECT p.account_id, p.endpoint_id, p.event_seq, p.fence
  FROM n, unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w(account_id, endpoint_id, room)
  CROSS JOIN LATERAL (
    SELECT d.account_id, d.endpoint_id, d.event_seq, d.fence
    FROM webhook_deliveries d
    WHERE d.account_id = w.account_id AND d.endpoint_id = w.endpoint_id AND d.state = 'pending'
      AND d.next_attempt_at <= n.now AND (d.locked_until IS NULL OR d.locked_until <= n.now)
    ORDER BY d.next_attempt_at
    LIMIT w.room
    FOR NO KEY UPDATE SKIP LOCKED
  ) p
),
claimed AS (
  UPDATE webhook_deliveries d
  SET locked_until = n.now + $4::integer * interval '1 millisecond', fence = d.fence + 1
  FROM n, picked p
  WHERE d.account_id = p.account_id AND d.endpoint_id = p.endpoint_id AND d.event_seq = p.event_seq
    AND d.fence = p.fence AND d.state = 'pending'
  RETURNING d.account_id, d.endpoint_id, d.event_seq, d.attempts, d.fence, d.manual_from
)
SELECT c.account_id, c.endpoint_id, c.attempts, c.fence, c.manual_from IS NOT NULL AS manual,
  v.seq, v.type, v.batch_id, v.task_index, ${EVENT_DATA} AS data, v.created_at
FROM claimed c JOIN events v ON v.account_id = c.account_id AND v.seq = c.event_seq`;

/** How many deliveries of one endpoint may be claimed now. */
export interface Allotment extends EndpointPosition {
  readonly room: number;
}

export function claimDeliveries(
  db: Queryable,
  allotments: readonly Allotment[],
  lockMs: number,
): Promise<ClaimedDelivery[]> {
  return db.query<ClaimedDelivery>(CLAIM, [
    allotments.map((allotment) => allotment.account_id),
    allotments.map((allotment) => allotment.endpoint_id),
    allotments.map((allotment) => allotment.room),
    lockMs,
  ]);
}
