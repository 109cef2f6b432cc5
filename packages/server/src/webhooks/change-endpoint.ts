/** Changing an endpoint that is there: its fields, its secret, a test of it. */
import {
  endpointIds,
  type EventType,
  type ListedEvent,
  type WebhookEndpoint,
  type WebhookEndpointWithSecret,
  type AccountUuid,
  type EndpointUuid,
} from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { getEndpoint } from './endpoint-view.ts';
import { checkDescription, checkTarget, type EndpointDependencies } from './endpoints.ts';
import { findEvent } from './events.ts';
import { MAX_RETIRED_SECRETS, WEBHOOK_SECRET_BYTES } from './limits.ts';
import { formatWebhookSecret } from './signing.ts';

/** An endpoint of an account. */
export interface EndpointKey {
  readonly accountUuid: AccountUuid;
  readonly endpointUuid: EndpointUuid;
}

/** Only what is named is changed. */
export interface EndpointChanges {
  readonly url?: string;
  readonly description?: string | null;
  readonly events?: readonly EventType[];
  readonly enabled?: boolean;
}

/** Everything that waits for name servers or can be refused without the database. */
export async function checkChanges(
  { guard }: Pick<EndpointDependencies, 'guard'>,
  { url, description }: EndpointChanges,
): Promise<Outcome<null>> {
  const describable = checkDescription(description ?? null);
  if (!describable.ok || url === undefined) return describable;
  return checkTarget(guard, url);
}

interface LockedEndpoint {
  readonly url: string;
  readonly enabled: boolean;
  readonly sealed_secret: Uint8Array;
  readonly retired_secrets: Uint8Array[];
  readonly retired_until: Date[];
  readonly now: Date;
}

async function lockEndpoint(tx: Queryable, { accountUuid, endpointUuid }: EndpointKey): Promise<LockedEndpoint | null> {
  const [row] = await tx.query<LockedEndpoint>(
    `SELECT e.url, e.enabled, e.sealed_secret, e.retired_secrets, e.retired_until, n.now
     FROM webhook_endpoints e CROSS JOIN (SELECT rushes_now() AS now) n
     WHERE e.account_id = $1 AND e.endpoint_id = $2 AND e.deleted_at IS NULL
     FOR NO KEY UPDATE OF e`,
    [accountUuid, endpointUuid],
  );
  return row ?? null;
}

const DISABLED_BY_CUSTOMER = 'The account disabled the endpoint itself.';

const UPDATE = `
UPDATE webhook_endpoints
SET url = $3, description = CASE WHEN $4::boolean THEN $5::text ELSE description END,
  event_types = coalesce($6::text[], event_types), enabled = $7::boolean,
  disabled_reason = CASE WHEN $7 THEN NULL WHEN enabled THEN $8::text ELSE disabled_reason END
WHERE account_id = $1 AND endpoint_id = $2`;

/** What an automatic disabling counts begins anew. */
const FORGET_FAILURES = `
UPDATE webhook_endpoints SET failing_since = NULL, last_failure_at = NULL, given_up = 0, warned_at = NULL
WHERE account_id = $1 AND endpoint_id = $2`;

/**
 * Begins with the next event, as an endpoint that was just made. What it missed meanwhile is up to a redelivery, so that
 * nobody is flooded with a month's events by flicking a switch.
 */
const SKIP_TO_PRESENT = `
UPDATE webhook_endpoints e SET fanned_out_seq = greatest(e.fanned_out_seq, c.last_event_seq)
FROM credit_accounts c
WHERE e.account_id = $1 AND e.endpoint_id = $2 AND c.account_id = e.account_id`;

/** Makes checked changes; null when there is no such endpoint. `tx` must be a transaction. */
export async function updateEndpoint(
  tx: Queryable,
  key: EndpointKey,
  changes: EndpointChanges,
): Promise<WebhookEndpoint | null> {
  const before = await lockEndpoint(tx, key);
  if (before === null) return null;
  const ids = [key.accountUuid, key.endpointUuid];
  const { url = before.url, enabled = before.enabled } = changes;
  const isEnabledAgain = enabled && !before.enabled;
  await tx.query(UPDATE, [
    ...ids,
    url,
    changes.description !== undefined,
    changes.description ?? null,
    changes.events === undefined ? null : [...new Set(changes.events)],
    enabled,
    DISABLED_BY_CUSTOMER,
  ]);
  if (isEnabledAgain || url !== before.url) await tx.query(FORGET_FAILURES, ids);
  if (isEnabledAgain) await tx.query(SKIP_TO_PRESENT, ids);
  return getEndpoint(tx, key.accountUuid, key.endpointUuid);
}

/** Checks changes and makes them; null when there is no such endpoint. */
export async function changeEndpoint(
  deps: Pick<EndpointDependencies, 'guard'>,
  db: Database,
  key: EndpointKey,
  changes: EndpointChanges,
): Promise<Outcome<WebhookEndpoint> | null> {
  const checked = await checkChanges(deps, changes);
  if (!checked.ok) return checked;
  const endpoint = await db.transaction((tx) => updateEndpoint(tx, key, changes));
  return endpoint === null ? null : accept(endpoint);
}

/**
 * Gives the endpoint a new secret; the answer is the only one that has it. Older ones, also those of earlier rotations,
 * sign beside it for `overlapMs` at most, so that 0 ends them all at once. Null when there is no such endpoint. `tx` must
 * be a transaction.
 */
export async function rotateSecret(
  { random, sealer }: Pick<EndpointDependencies, 'random' | 'sealer'>,
  tx: Queryable,
  key: EndpointKey,
  overlapMs: number,
): Promise<Outcome<WebhookEndpointWithSecret> | null> {
  const before = await lockEndpoint(tx, key);
  if (before === null) return null;
  const nowMs = before.now.getTime();
  const longestMs = nowMs + overlapMs;
  const older = [
    { secret: before.sealed_secret, untilMs: longestMs },
    ...before.retired_secrets.map((secret, at) => ({
      secret,
      untilMs: Math.min(before.retired_until[at]?.getTime() ?? 0, longestMs),
    })),
  ].filter(({ untilMs }) => untilMs > nowMs);
  if (older.length > MAX_RETIRED_SECRETS) {
    const detail = `This endpoint has ${MAX_RETIRED_SECRETS} older secrets that are still valid. Wait until one has expired, or rotate with overlap_seconds 0.`;
    return refuse({ code: 'state_conflict', detail });
  }
  const secret = random.bytes(WEBHOOK_SECRET_BYTES);
  await tx.query(
    `UPDATE webhook_endpoints SET sealed_secret = $3, retired_secrets = $4::bytea[], retired_until = $5::timestamptz[]
     WHERE account_id = $1 AND endpoint_id = $2`,
    [
      key.accountUuid,
      key.endpointUuid,
      sealer.seal(secret, key),
      older.map((one) => one.secret),
      older.map((one) => new Date(one.untilMs)),
    ],
  );
  const endpoint = await getEndpoint(tx, key.accountUuid, key.endpointUuid);
  if (endpoint === null) throw new Error('an endpoint that is locked was deleted');
  return accept({ ...endpoint, secret: formatWebhookSecret(secret) });
}

/** Appends a `webhook.test` for this endpoint alone. Null when there is no such endpoint. `tx` must be a transaction. */
export async function testEndpoint(tx: Queryable, key: EndpointKey): Promise<Outcome<ListedEvent> | null> {
  const endpoint = await lockEndpoint(tx, key);
  if (endpoint === null) return null;
  if (!endpoint.enabled) {
    return refuse({
      code: 'state_conflict',
      detail: 'The endpoint is disabled, so nothing can be sent to it. Enable it first.',
    });
  }
  const [appended] = await tx.query<{ seq: number }>(
    `SELECT append_event($1, 'webhook.test', NULL, NULL, $2, $3::jsonb) AS seq`,
    [key.accountUuid, key.endpointUuid, { endpoint_id: endpointIds.format(key.endpointUuid) }],
  );
  const event = appended === undefined ? null : await findEvent(tx, key.accountUuid, appended.seq);
  if (event === null) throw new Error('an event that was appended is not there');
  return accept(event);
}
