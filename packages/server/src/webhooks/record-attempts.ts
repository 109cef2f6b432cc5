import type { DeliveryState, AccountUuid, EndpointUuid } from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import { HEALTH_NOTE_INTERVAL_MS } from './limits.ts';

/** One attempt that was made, with what is to become of its delivery. */
export interface AttemptRecord {
  readonly account_id: AccountUuid;
  readonly endpoint_id: EndpointUuid;
  readonly event_seq: number;
  /** The claim that it was made under. */
  readonly fence: number;
  /** How long ago it began. */
  readonly ageMs: number;
  readonly durationMs: number;
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly responseExcerpt: string | null;
  readonly accepted: boolean;
  /** Until the next automatic attempt; null when this was the last one. */
  readonly retryDelayMs: number | null;
  /** The receiver answered 410: the endpoint is disabled with it. */
  readonly gone: boolean;
  /** It never left us by a fault of ours, which says nothing of the receiver. */
  readonly ourFault: boolean;
}

/** What became of a recorded attempt's delivery. */
export interface RecordedAttempt {
  readonly endpoint_id: EndpointUuid;
  readonly event_seq: number;
  readonly attempt: number;
  readonly state: DeliveryState;
}

/**
 * Writes attempts and moves their deliveries in one statement, so that neither is there without the other. What an
 * accepted attempt says holds whoever made it. A failed one decides only under the fence of its own claim: made by a
 * worker that stalled past its lock it is written down, and the schedule stays with the present holder. An attempt by
 * hand leads to delivered or back to where it came from. The endpoint is told whether it answers, about once a second.
 *
 * 200 attempts a call; one call each would be one commit each.
 */
const RECORD = `
WITH n AS MATERIALIZED (SELECT rushes_now() AS now),
input AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::integer[], $6::integer[], $7::integer[],
    $8::text[], $9::text[], $10::boolean[], $11::integer[], $12::boolean[], $13::boolean[])
    AS i(account_id, endpoint_id, event_seq, fence, age_ms, duration_ms, status_code,
      error, response_excerpt, accepted, retry_delay_ms, gone, our_fault)
),
judged AS MATERIALIZED (
  SELECT d.account_id, d.endpoint_id, d.event_seq, i.fence AS made_under, i.age_ms, i.duration_ms, i.status_code,
    i.error, i.response_excerpt, i.retry_delay_ms, i.gone, i.accepted, i.our_fault,
    d.manual_from IS NOT NULL AND d.fence = i.fence AS manual,
    d.attempts + 1 AS attempt,
    d.fence = i.fence AND d.state = 'pending' AS holds,
    CASE
      WHEN i.accepted THEN 'delivered'
      WHEN d.state <> 'pending' OR d.fence <> i.fence THEN d.state
      WHEN d.manual_from IS NOT NULL THEN d.manual_from
      WHEN i.retry_delay_ms IS NOT NULL THEN d.state
      ELSE 'exhausted'
    END AS state
  FROM input i JOIN webhook_deliveries d
    ON d.account_id = i.account_id AND d.endpoint_id = i.endpoint_id AND d.event_seq = i.event_seq
  FOR NO KEY UPDATE OF d
),
moved AS (
  UPDATE webhook_deliveries d
  SET attempts = j.attempt,
    state = j.state,
    manual_from = CASE WHEN j.state = 'pending' THEN d.manual_from END,
    next_attempt_at = CASE
      WHEN j.state <> 'pending' THEN NULL
      WHEN j.holds THEN n.now + j.retry_delay_ms * interval '1 millisecond'
      ELSE d.next_attempt_at
    END,
    locked_until = CASE WHEN j.state = 'pending' AND NOT j.holds THEN d.locked_until END,
    exhausted_reason = CASE
      WHEN j.state <> 'exhausted' THEN NULL
      WHEN d.state = 'exhausted' THEN d.exhausted_reason
      WHEN j.gone THEN 'endpoint_disabled'
      ELSE 'attempts_used_up'
    END
  FROM n, judged j
  WHERE d.account_id = j.account_id AND d.endpoint_id = j.endpoint_id AND d.event_seq = j.event_seq
),
written AS (
  INSERT INTO webhook_attempts (account_id, endpoint_id, event_seq, attempt, started_at, duration_ms,
    status_code, error, response_excerpt, manual)
  SELECT j.account_id, j.endpoint_id, j.event_seq, j.attempt, n.now - j.age_ms * interval '1 millisecond',
    j.duration_ms, j.status_code, j.error, j.response_excerpt, j.manual
  FROM n, judged j
),
health AS MATERIALIZED (
  SELECT j.account_id, j.endpoint_id, bool_or(j.accepted) AS accepted,
    min(n.now - j.age_ms * interval '1 millisecond') AS began,
    count(*) FILTER (WHERE j.state = 'exhausted' AND j.holds AND NOT j.manual) AS given_up
  FROM n, judged j WHERE NOT j.our_fault
  GROUP BY j.account_id, j.endpoint_id
),
noted AS MATERIALIZED (
  SELECT e.account_id, e.endpoint_id, h.accepted, h.began, h.given_up
  FROM n, health h JOIN webhook_endpoints e ON e.account_id = h.account_id AND e.endpoint_id = h.endpoint_id
  WHERE CASE
    WHEN h.accepted THEN e.failing_since IS NOT NULL OR e.last_delivery_at IS NULL
      OR e.last_delivery_at < n.now - interval '${HEALTH_NOTE_INTERVAL_MS} milliseconds'
    ELSE h.given_up > 0 OR e.failing_since IS NULL
      OR e.last_failure_at < n.now - interval '${HEALTH_NOTE_INTERVAL_MS} milliseconds'
  END
  -- In one order, as several workers do this for the same endpoints.
  ORDER BY e.account_id, e.endpoint_id
  FOR NO KEY UPDATE OF e
),
updated AS (
  UPDATE webhook_endpoints e
  SET last_delivery_at = CASE WHEN h.accepted THEN n.now ELSE e.last_delivery_at END,
    failing_since = CASE WHEN NOT h.accepted THEN coalesce(e.failing_since, h.began) END,
    last_failure_at = CASE WHEN NOT h.accepted THEN n.now END,
    given_up = CASE WHEN h.accepted THEN 0 ELSE e.given_up + h.given_up::integer END,
    warned_at = CASE WHEN NOT h.accepted THEN e.warned_at END
  FROM n, noted h
  WHERE e.account_id = h.account_id AND e.endpoint_id = h.endpoint_id
)
SELECT endpoint_id, event_seq, attempt, state FROM judged`;

/** Records attempts of different deliveries. */
export function recordAttempts(db: Queryable, records: readonly AttemptRecord[]): Promise<RecordedAttempt[]> {
  return db.query<RecordedAttempt>(RECORD, [
    records.map((record) => record.account_id),
    records.map((record) => record.endpoint_id),
    records.map((record) => record.event_seq),
    records.map((record) => record.fence),
    records.map((record) => record.ageMs),
    records.map((record) => record.durationMs),
    records.map((record) => record.statusCode),
    records.map((record) => record.error),
    records.map((record) => record.responseExcerpt),
    records.map((record) => record.accepted),
    records.map((record) => record.retryDelayMs),
    records.map((record) => record.gone),
    records.map((record) => record.ourFault),
  ]);
}

const DISABLE = `
UPDATE webhook_endpoints SET enabled = false, disabled_reason = $3
WHERE account_id = $1 AND endpoint_id = $2 AND enabled AND deleted_at IS NULL
RETURNING endpoint_id`;

/**
 * Records an attempt that was answered 410 Gone and disables its endpoint, with an event for the account's other
 * endpoints and its event list. The event comes last, because its lock on the account is the one that settlements need.
 */
export function recordGone(
  db: Database,
  record: AttemptRecord,
  disabled: { readonly reason: string; readonly eventData: Readonly<Record<string, unknown>> },
): Promise<RecordedAttempt[]> {
  return db.transaction(async (tx) => {
    const changed = await tx.query(DISABLE, [record.account_id, record.endpoint_id, disabled.reason]);
    const recorded = await recordAttempts(tx, [record]);
    if (changed.length > 0) {
      await tx.query(`SELECT append_event($1, 'webhook_endpoint.disabled', NULL, NULL, NULL, $2::jsonb)`, [
        record.account_id,
        disabled.eventData,
      ]);
    }
    return recorded;
  });
}
