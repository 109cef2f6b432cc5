/** Endpoints as the customer sees them. */
import {
  endpointIds,
  type EventType,
  type Page,
  type WebhookEndpoint,
  type AccountUuid,
  type EndpointUuid,
} from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

interface EndpointRow {
  readonly endpoint_id: EndpointUuid;
  readonly url: string;
  readonly description: string | null;
  readonly event_types: EventType[];
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  readonly failing_since: Date | null;
  readonly last_delivery_at: Date | null;
  readonly exhausted_count: number;
  readonly previous_secret_expires_at: Date | null;
  readonly created_at: Date;
}

/** The count is taken from its index when asked for: a number kept beside would be written by every delivery given up. */
const SELECT = `
SELECT e.endpoint_id, e.url, e.description, e.event_types, e.enabled, e.disabled_reason, e.failing_since,
  e.last_delivery_at, e.created_at,
  (SELECT count(*) FROM webhook_deliveries d
   WHERE d.account_id = e.account_id AND d.endpoint_id = e.endpoint_id AND d.state = 'exhausted') AS exhausted_count,
  (SELECT max(u) FROM unnest(e.retired_until) u WHERE u > n.now) AS previous_secret_expires_at
FROM webhook_endpoints e CROSS JOIN (SELECT rushes_now() AS now) n`;

function shown(row: EndpointRow): WebhookEndpoint {
  return {
    id: endpointIds.format(row.endpoint_id),
    url: row.url,
    description: row.description,
    events: row.event_types,
    enabled: row.enabled,
    disabled_reason: row.disabled_reason,
    failing_since: row.failing_since?.toISOString() ?? null,
    last_delivery_at: row.last_delivery_at?.toISOString() ?? null,
    exhausted_count: row.exhausted_count,
    previous_secret_expires_at: row.previous_secret_expires_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}

/** Null when the account has no such endpoint, or no longer. */
export async function getEndpoint(
  db: Queryable,
  accountUuid: AccountUuid,
  endpointUuid: EndpointUuid,
): Promise<WebhookEndpoint | null> {
  const [row] = await db.query<EndpointRow>(
    `${SELECT} WHERE e.account_id = $1 AND e.endpoint_id = $2 AND e.deleted_at IS NULL`,
    [accountUuid, endpointUuid],
  );
  return row === undefined ? null : shown(row);
}

/** The account's endpoints, newest first, behind the uuid `before`. */
export async function pageOfEndpoints(
  db: Queryable,
  accountUuid: AccountUuid,
  { before, limit }: { readonly before: string | null; readonly limit: number },
): Promise<Page<WebhookEndpoint>> {
  // The ids are UUIDv7: their order is that of creation.
  const rows = await db.query<EndpointRow>(
    `${SELECT}
     WHERE e.account_id = $1 AND e.deleted_at IS NULL AND ($2::uuid IS NULL OR e.endpoint_id < $2::uuid)
     ORDER BY e.endpoint_id DESC LIMIT $3`,
    [accountUuid, before, limit + 1],
  );
  const hasMore = rows.length > limit;
  const last = rows[limit - 1];
  return {
    data: rows.slice(0, limit).map(shown),
    has_more: hasMore,
    next_cursor: hasMore && last !== undefined ? Buffer.from(last.endpoint_id).toString('base64url') : null,
  };
}
