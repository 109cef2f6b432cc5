/**
 * What becomes of endpoints that only fail: a warning once a delivery was given up, then, after days, the disabling. Both
 * are events, so that nothing ends silently. Attempts are what is judged, never the mere passing of time.
 */
import { endpointIds, type AccountUuid, type EndpointUuid } from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import { DISABLE_AFTER_GIVEN_UP, DISABLE_AFTER_WARNING_MS, ENDPOINTS_PER_HEALTH_ROUND } from './limits.ts';

interface FailingEndpoint {
  readonly account_id: AccountUuid;
  readonly endpoint_id: EndpointUuid;
  readonly verdict: 'warn' | 'disable';
}

/** One pass over the enabled endpoints, as few as there are; an index on what every outage changes would cost more. */
const VERDICT = `
CASE
  WHEN NOT e.enabled OR e.deleted_at IS NOT NULL OR e.failing_since IS NULL THEN NULL
  WHEN e.given_up > 0 AND e.warned_at IS NULL THEN 'warn'
  WHEN e.last_failure_at - e.failing_since >= $1::bigint * interval '1 millisecond'
    AND e.given_up >= ${DISABLE_AFTER_GIVEN_UP}
    AND e.warned_at <= n.now - interval '${DISABLE_AFTER_WARNING_MS} milliseconds' THEN 'disable'
END`;

const FIND = `
SELECT f.account_id, f.endpoint_id, f.verdict
FROM (
  SELECT e.account_id, e.endpoint_id, ${VERDICT} AS verdict
  FROM webhook_endpoints e CROSS JOIN (SELECT rushes_now() AS now) n
) f
WHERE f.verdict IS NOT NULL
LIMIT ${ENDPOINTS_PER_HEALTH_ROUND}`;

interface Judged {
  readonly failing_since: Date;
  readonly given_up: number;
  readonly now: Date;
}

const WARN = `
UPDATE webhook_endpoints e SET warned_at = n.now
FROM (SELECT rushes_now() AS now) n
WHERE e.account_id = $2 AND e.endpoint_id = $3 AND ${VERDICT} = 'warn'
RETURNING e.failing_since, e.given_up, n.now`;

const DISABLE = `
UPDATE webhook_endpoints e SET enabled = false, disabled_reason = $4
FROM (SELECT rushes_now() AS now) n
WHERE e.account_id = $2 AND e.endpoint_id = $3 AND ${VERDICT} = 'disable'
RETURNING e.failing_since, e.given_up, n.now`;

const FAILED_TOO_LONG = 'The endpoint has not accepted a delivery for too long.';

/** Last in its transaction: it locks the account, and that lock is the one that settlements need. */
function tell(
  tx: Queryable,
  accountUuid: AccountUuid,
  type: string,
  data: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  return tx.query('SELECT append_event($1, $2, NULL, NULL, NULL, $3::jsonb)', [accountUuid, type, data]);
}

async function warn(db: Database, endpoint: FailingEndpoint, disableAfterMs: number | null): Promise<void> {
  const { account_id, endpoint_id } = endpoint;
  await db.transaction(async (tx) => {
    const [judged] = await tx.query<Judged>(WARN, [disableAfterMs, account_id, endpoint_id]);
    if (judged === undefined) return;
    const notBeforeMs = Math.max(
      judged.failing_since.getTime() + (disableAfterMs ?? 0),
      judged.now.getTime() + DISABLE_AFTER_WARNING_MS,
    );
    await tell(tx, account_id, 'webhook_endpoint.failing', {
      endpoint_id: endpointIds.format(endpoint_id),
      failing_since: judged.failing_since.toISOString(),
      given_up: judged.given_up,
      disabled_not_before: disableAfterMs === null ? null : new Date(notBeforeMs).toISOString(),
    });
  });
}

async function disable(db: Database, endpoint: FailingEndpoint, disableAfterMs: number | null): Promise<void> {
  const { account_id, endpoint_id } = endpoint;
  await db.transaction(async (tx) => {
    const [judged] = await tx.query<Judged>(DISABLE, [disableAfterMs, account_id, endpoint_id, FAILED_TOO_LONG]);
    if (judged === undefined) return;
    await tell(tx, account_id, 'webhook_endpoint.disabled', {
      endpoint_id: endpointIds.format(endpoint_id),
      reason: FAILED_TOO_LONG,
      failing_since: judged.failing_since.toISOString(),
      given_up: judged.given_up,
    });
  });
}

/**
 * One round. Any number of workers may do this at once: the condition is asked again under the row's lock.
 *
 * @param disableAfterMs null: warn only
 * @returns whether there may be more at once
 */
export async function judgeEndpoints(db: Database, disableAfterMs: number | null): Promise<boolean> {
  const failing = await db.query<FailingEndpoint>(FIND, [disableAfterMs]);
  for (const endpoint of failing) {
    if (endpoint.verdict === 'warn') await warn(db, endpoint, disableAfterMs);
    else await disable(db, endpoint, disableAfterMs);
  }
  return failing.length === ENDPOINTS_PER_HEALTH_ROUND;
}
