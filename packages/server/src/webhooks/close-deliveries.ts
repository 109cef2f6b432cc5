import type { Queryable } from '../db/index.ts';
import type { WaitingEndpoint } from './claim-deliveries.ts';
import { DELIVERIES_PER_CLOSING } from './limits.ts';

/**
 * Ends what waits for an endpoint that was disabled or deleted, visibly. An attempt under way is not called back: when
 * it was accepted, its delivery becomes delivered after all. One that was delivered before goes back to that. The endpoint is asked again, as it may have been enabled.
 */
const CLOSE = `
UPDATE webhook_deliveries d
SET state = coalesce(d.manual_from, 'exhausted'), manual_from = NULL, next_attempt_at = NULL, locked_until = NULL,
  exhausted_reason = CASE WHEN d.manual_from = 'delivered' THEN NULL ELSE $3::text END
FROM (
  SELECT d.account_id, d.endpoint_id, d.event_seq
  FROM webhook_deliveries d JOIN webhook_endpoints e ON e.account_id = d.account_id AND e.endpoint_id = d.endpoint_id
  WHERE d.account_id = $1::uuid AND d.endpoint_id = $2::uuid AND d.state = 'pending'
    AND (e.deleted_at IS NOT NULL OR NOT e.enabled)
  LIMIT $4::integer
  FOR NO KEY UPDATE OF d SKIP LOCKED
) p
WHERE d.account_id = p.account_id AND d.endpoint_id = p.endpoint_id AND d.event_seq = p.event_seq AND d.state = 'pending'
RETURNING d.event_seq`;

/** Ends up to DELIVERIES_PER_CLOSING deliveries; says how many. */
export async function closeDeliveries(db: Queryable, endpoint: WaitingEndpoint): Promise<number> {
  const closed = await db.query(CLOSE, [
    endpoint.account_id,
    endpoint.endpoint_id,
    endpoint.ended,
    DELIVERIES_PER_CLOSING,
  ]);
  return closed.length;
}
