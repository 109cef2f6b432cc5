import { accountIds, endpointIds, type AccountUuid, type EndpointUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { ENDPOINTS_PER_FAN_OUT, EVENTS_PER_FAN_OUT, MAX_DUE_PER_ENDPOINT } from './limits.ts';

/** Where in the order of (account, endpoint) a round over all endpoints has come to. */
export interface EndpointPosition {
  readonly account_id: AccountUuid;
  readonly endpoint_id: EndpointUuid;
}

/** Before every endpoint. */
export const FIRST_POSITION: EndpointPosition = { account_id: accountIds.nil, endpoint_id: endpointIds.nil };

/**
 * Turns the events that endpoints have not seen into deliveries, for many endpoints in one statement, and moves their
 * cursors in the same. Nothing is skipped: last_event_seq and the events below it become visible by one commit. Nothing
 * comes twice: the cursor moves by compare-and-swap, and the deliveries come from the rows that it moved for; the
 * primary key stands behind that. Takes no lock that the money path wants.
 *
 * An endpoint that has enough due is left alone until some of it was tried; its events stay where they are.
 *
 * With nothing to do it is one pass over the enabled endpoints: 0.8 ms for 1,000 of them. A queue table written by
 * settle_tasks would make that free, at the price of a write per endpoint in every settlement.
 */
const FAN_OUT = `
WITH n AS MATERIALIZED (SELECT rushes_now() AS now),
lagging AS MATERIALIZED (
  SELECT e.account_id, e.endpoint_id, e.fanned_out_seq AS from_seq,
    least(c.last_event_seq, e.fanned_out_seq + $4::integer) AS to_seq
  FROM webhook_endpoints e JOIN credit_accounts c ON c.account_id = e.account_id
  WHERE e.enabled AND e.deleted_at IS NULL AND e.fanned_out_seq < c.last_event_seq
    AND (e.account_id, e.endpoint_id) > ($1::uuid, $2::uuid)
    AND NOT EXISTS (SELECT FROM n, webhook_deliveries d
      WHERE d.account_id = e.account_id AND d.endpoint_id = e.endpoint_id AND d.state = 'pending'
        AND d.next_attempt_at <= n.now
      ORDER BY d.next_attempt_at OFFSET $6::integer LIMIT 1)
  ORDER BY e.account_id, e.endpoint_id
  LIMIT $3::integer
  FOR NO KEY UPDATE OF e SKIP LOCKED
),
moved AS (
  UPDATE webhook_endpoints e SET fanned_out_seq = l.to_seq
  FROM lagging l
  WHERE e.account_id = l.account_id AND e.endpoint_id = l.endpoint_id
    AND e.fanned_out_seq = l.from_seq AND e.enabled AND e.deleted_at IS NULL
  RETURNING e.account_id, e.endpoint_id, e.event_types, l.from_seq, l.to_seq
),
delivered AS (
  INSERT INTO webhook_deliveries (account_id, endpoint_id, event_seq, next_attempt_at, created_at)
  SELECT m.account_id, m.endpoint_id, v.seq, n.now + $5::integer * interval '1 millisecond', n.now
  FROM n, moved m JOIN events v ON v.account_id = m.account_id AND v.seq > m.from_seq AND v.seq <= m.to_seq
  WHERE (v.endpoint_id IS NULL OR v.endpoint_id = m.endpoint_id)
    AND (cardinality(m.event_types) = 0 OR v.type = ANY (m.event_types)
      OR (v.type = 'webhook.test' AND v.endpoint_id IS NOT NULL))
)
SELECT account_id, endpoint_id FROM moved ORDER BY account_id, endpoint_id`;

export interface FanOutResult {
  /** Endpoints whose cursor was moved. */
  readonly moved: number;
  /** Where the next round goes on. */
  readonly next: EndpointPosition;
}

/** One round behind `after`. `firstAttemptDelayMs` is the first of the attempt times, normally 0. */
export async function fanOut(
  db: Queryable,
  after: EndpointPosition,
  firstAttemptDelayMs: number,
): Promise<FanOutResult> {
  const moved = await db.query<EndpointPosition & Record<string, unknown>>(FAN_OUT, [
    after.account_id,
    after.endpoint_id,
    ENDPOINTS_PER_FAN_OUT,
    EVENTS_PER_FAN_OUT,
    firstAttemptDelayMs,
    MAX_DUE_PER_ENDPOINT - 1,
  ]);
  // Past the last endpoint the next round begins at the first, which may have fallen behind again.
  const next = moved.length === ENDPOINTS_PER_FAN_OUT ? (moved.at(-1) ?? FIRST_POSITION) : FIRST_POSITION;
  return { moved: moved.length, next };
}
