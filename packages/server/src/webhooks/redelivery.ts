/**
 * Sending again what a customer asks for: one delivery, or all of an endpoint since a time. Each is one attempt with the
 * event's own id, made by the delivery loop like any other; when it fails, the delivery is what it was before.
 */
import type { RedeliverableState, RedeliverResult, WebhookDelivery } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import type { EndpointKey } from './change-endpoint.ts';
import { findDelivery } from './deliveries.ts';
import { REDELIVERIES_PER_CALL } from './limits.ts';

const NOT_ENABLED = refuse({
  code: 'state_conflict',
  detail:
    'The endpoint of this delivery is disabled or deleted, so nothing can be sent to it. If it is disabled, enable it first.',
});

/**
 * What of a delivery changes: due now, once, and back to its state when that fails. A pending one only has its next
 * automatic attempt brought forward. The fence moves, so that an attempt from before cannot end the new one.
 */
const DUE_NOW = `
  manual_from = CASE WHEN d.state = 'pending' THEN d.manual_from ELSE d.state END,
  state = 'pending', exhausted_reason = NULL, next_attempt_at = least(d.next_attempt_at, n.now),
  fence = CASE WHEN d.state = 'pending' THEN d.fence ELSE d.fence + 1 END`;

const REDELIVER = `
UPDATE webhook_deliveries d SET ${DUE_NOW}
FROM (SELECT rushes_now() AS now) n, webhook_endpoints e
WHERE d.account_id = $1 AND d.endpoint_id = $2 AND d.event_seq = $3
  AND e.account_id = d.account_id AND e.endpoint_id = d.endpoint_id AND e.enabled AND e.deleted_at IS NULL
RETURNING d.event_seq`;

/** Null when there is no such delivery. */
export async function redeliver(
  tx: Queryable,
  key: EndpointKey,
  seq: number,
): Promise<Outcome<WebhookDelivery> | null> {
  const due = await tx.query(REDELIVER, [key.accountUuid, key.endpointUuid, seq]);
  const delivery = await findDelivery(tx, key.accountUuid, { endpointUuid: key.endpointUuid, seq });
  if (delivery === null) return null;
  return due.length === 0 ? NOT_ENABLED : accept(delivery);
}

export interface RedeliveryRequest extends EndpointKey {
  /** From this time on, or from this event on: the one named included. */
  readonly since: Date | number;
  readonly states: readonly RedeliverableState[];
}

/**
 * The first event at or after a time, by bisection: events have no index on their time, and their numbers have no hole and
 * grow with it. A number that retention removed counts as earlier. 20 probes of the primary key for a million events.
 */
const FIRST_SEQ_SINCE = `
WITH RECURSIVE search AS (
  SELECT 0::bigint AS low, c.last_event_seq + 1 AS high FROM credit_accounts c WHERE c.account_id = $1
  UNION ALL
  SELECT CASE WHEN p.is_earlier THEN p.middle ELSE s.low END, CASE WHEN p.is_earlier THEN s.high ELSE p.middle END
  FROM search s CROSS JOIN LATERAL (
    SELECT (s.low + s.high) / 2 AS middle, coalesce(
      (SELECT v.created_at < $2::timestamptz FROM events v WHERE v.account_id = $1 AND v.seq = (s.low + s.high) / 2), true
    ) AS is_earlier
  ) p
  WHERE s.low + 1 < s.high
)
SELECT min(high) AS seq FROM search`;

/**
 * Oldest first, at most $5. The missed ones are events up to the endpoint's cursor that have no delivery and pass its
 * filter as it is now; those behind the cursor are fan-out's, which moves it in the statement that makes them.
 */
const REDELIVER_SINCE = `
WITH n AS MATERIALIZED (SELECT rushes_now() AS now),
target AS MATERIALIZED (
  SELECT e.account_id, e.endpoint_id, e.event_types, e.fanned_out_seq
  FROM webhook_endpoints e
  WHERE e.account_id = $1 AND e.endpoint_id = $2 AND e.enabled AND e.deleted_at IS NULL
),
wanted AS MATERIALIZED (
  SELECT w.event_seq, w.is_missed
  FROM (
    (SELECT d.event_seq, false AS is_missed
     FROM target t JOIN webhook_deliveries d ON d.account_id = t.account_id AND d.endpoint_id = t.endpoint_id
     WHERE d.event_seq >= $3::bigint AND d.state = ANY ($4::text[])
     ORDER BY d.event_seq LIMIT $5::integer + 1)
    UNION ALL
    (SELECT v.seq, true
     FROM target t JOIN events v ON v.account_id = t.account_id AND v.seq <= t.fanned_out_seq
     WHERE 'missed' = ANY ($4::text[]) AND v.seq >= $3::bigint
       AND (v.endpoint_id IS NULL OR v.endpoint_id = t.endpoint_id)
       AND (cardinality(t.event_types) = 0 OR v.type = ANY (t.event_types))
       AND NOT EXISTS (SELECT FROM webhook_deliveries d
         WHERE d.account_id = t.account_id AND d.endpoint_id = t.endpoint_id AND d.event_seq = v.seq)
     ORDER BY v.seq LIMIT $5::integer + 1)
  ) w
  ORDER BY w.event_seq LIMIT $5::integer + 1
),
taken AS MATERIALIZED (SELECT w.event_seq, w.is_missed FROM wanted w ORDER BY w.event_seq LIMIT $5::integer),
again AS (
  UPDATE webhook_deliveries d SET ${DUE_NOW}
  FROM n, target t, taken w
  WHERE d.account_id = t.account_id AND d.endpoint_id = t.endpoint_id AND d.event_seq = w.event_seq AND NOT w.is_missed
    AND d.state = ANY ($4::text[])
),
made AS (
  INSERT INTO webhook_deliveries (account_id, endpoint_id, event_seq, next_attempt_at, manual_from, created_at)
  SELECT t.account_id, t.endpoint_id, w.event_seq, n.now, 'exhausted', n.now
  FROM n, target t, taken w WHERE w.is_missed
  ON CONFLICT (account_id, endpoint_id, event_seq) DO NOTHING
)
SELECT (SELECT count(*) FROM target) AS targets, (SELECT count(*) FROM taken) AS taken,
  (SELECT max(w.event_seq) FROM wanted w WHERE (SELECT count(*) FROM wanted) > $5::integer) AS next_seq`;

interface Redelivered {
  readonly targets: number;
  readonly taken: number;
  readonly next_seq: number | null;
}

/** Makes up to REDELIVERIES_PER_CALL deliveries due, oldest first. */
export async function redeliverSince(
  tx: Queryable,
  { accountUuid, endpointUuid, since, states }: RedeliveryRequest,
): Promise<Outcome<RedeliverResult>> {
  const [found] =
    typeof since === 'number'
      ? [{ seq: since }]
      : await tx.query<{ seq: number }>(FIRST_SEQ_SINCE, [accountUuid, since]);
  if (found === undefined) throw new Error(`account ${accountUuid} has no credit account`);
  const [done] = await tx.query<Redelivered>(REDELIVER_SINCE, [
    accountUuid,
    endpointUuid,
    found.seq,
    states,
    REDELIVERIES_PER_CALL,
  ]);
  if (done === undefined || done.targets === 0) return NOT_ENABLED;
  return accept({ count: done.taken, next_since: done.next_seq });
}
