/** The delivery log: what was sent where, with every attempt. */
import {
  deliveryIds,
  endpointIds,
  eventIds,
  type DeliveryState,
  type EventType,
  type ExhaustedReason,
  type Page,
  type WebhookDelivery,
  type AccountUuid,
  type EndpointUuid,
} from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';

export interface DeliveryFilter {
  readonly endpointUuid?: EndpointUuid;
  readonly state?: DeliveryState;
  readonly eventSeq?: number;
  readonly eventType?: EventType;
  /** When the delivery was made, both ends excluded. */
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
}

export interface DeliveryPage {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** The `next_cursor` of the page before, or null. */
  readonly cursor: string | null;
}

interface AttemptJson {
  readonly attempt: number;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly status_code: number | null;
  readonly error: string | null;
  readonly response_excerpt: string | null;
  readonly manual: boolean;
}

interface DeliveryRow {
  readonly endpoint_id: EndpointUuid;
  readonly event_seq: number;
  readonly event_type: EventType;
  readonly state: DeliveryState;
  readonly exhausted_reason: ExhaustedReason | null;
  readonly next_attempt_at: Date | null;
  readonly created_at: Date;
  readonly attempts: readonly AttemptJson[];
}

function parseCursor(text: string): { seq: number; endpointUuid: EndpointUuid } | null {
  const parts = /^(\d{1,16}) (\S+)$/.exec(Buffer.from(text, 'base64url').toString());
  const seq = Number(parts?.[1]);
  const endpointUuid = endpointIds.readUuid(parts?.[2] ?? '');
  return endpointUuid === null || !Number.isSafeInteger(seq) ? null : { seq, endpointUuid };
}

/** `>` and ASC or `<` and DESC: the only parts that an order changes, and never text of the caller's. */
function listStatement(order: 'asc' | 'desc'): string {
  const [comparison, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  return `
SELECT d.endpoint_id, d.event_seq, v.type AS event_type, d.state, d.exhausted_reason, d.next_attempt_at, d.created_at,
  coalesce((
    SELECT jsonb_agg(jsonb_build_object('attempt', a.attempt, 'started_at', a.started_at, 'duration_ms', a.duration_ms,
      'status_code', a.status_code, 'error', a.error, 'response_excerpt', a.response_excerpt, 'manual', a.manual) ORDER BY a.attempt)
    FROM webhook_attempts a
    WHERE a.account_id = d.account_id AND a.endpoint_id = d.endpoint_id AND a.event_seq = d.event_seq
  ), '[]') AS attempts
FROM webhook_deliveries d JOIN events v ON v.account_id = d.account_id AND v.seq = d.event_seq
WHERE d.account_id = $1 AND (d.event_seq, d.endpoint_id) ${comparison} ($2::bigint, $3::uuid)
  AND ($4::uuid IS NULL OR d.endpoint_id = $4) AND ($5::text IS NULL OR d.state = $5)
  AND ($6::bigint IS NULL OR d.event_seq = $6) AND ($7::text IS NULL OR v.type = $7)
  AND ($8::timestamptz IS NULL OR d.created_at > $8) AND ($9::timestamptz IS NULL OR d.created_at < $9)
ORDER BY d.event_seq ${direction}, d.endpoint_id ${direction}
LIMIT $10`;
}

function shown(accountUuid: AccountUuid, row: DeliveryRow): WebhookDelivery {
  return {
    id: deliveryIds.format(row.endpoint_id, row.event_seq),
    endpoint_id: endpointIds.format(row.endpoint_id),
    event_id: eventIds.format(accountUuid, row.event_seq),
    event_type: row.event_type,
    state: row.state,
    exhausted_reason: row.exhausted_reason,
    attempts: row.attempts.map((attempt) => ({ ...attempt, started_at: new Date(attempt.started_at).toISOString() })),
    next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}

/** The account's deliveries in the order of their events, newest first unless turned. */
export async function listDeliveries(
  db: Queryable,
  accountUuid: AccountUuid,
  filter: DeliveryFilter,
  page: DeliveryPage,
): Promise<Outcome<Page<WebhookDelivery>>> {
  const start =
    page.order === 'asc'
      ? { seq: 0, endpointUuid: endpointIds.nil }
      : { seq: Number.MAX_SAFE_INTEGER, endpointUuid: endpointIds.max };
  const from = page.cursor === null ? start : parseCursor(page.cursor);
  if (from === null) {
    return refuse({
      code: 'invalid_request',
      detail: '`cursor` is not from this list. Send the `next_cursor` of the previous page, unchanged.',
      param: 'cursor',
    });
  }
  const rows = await db.query<DeliveryRow>(listStatement(page.order), [
    accountUuid,
    from.seq,
    from.endpointUuid,
    filter.endpointUuid ?? null,
    filter.state ?? null,
    filter.eventSeq ?? null,
    filter.eventType ?? null,
    filter.createdAfter ?? null,
    filter.createdBefore ?? null,
    page.limit + 1,
  ]);
  const hasMore = rows.length > page.limit;
  const last = rows[page.limit - 1];
  return accept({
    data: rows.slice(0, page.limit).map((row) => shown(accountUuid, row)),
    has_more: hasMore,
    next_cursor:
      hasMore && last !== undefined ? Buffer.from(`${last.event_seq} ${last.endpoint_id}`).toString('base64url') : null,
  });
}

/** One delivery; null when the account has none of this event to this endpoint. */
export async function findDelivery(
  db: Queryable,
  accountUuid: AccountUuid,
  { endpointUuid, seq }: { readonly endpointUuid: EndpointUuid; readonly seq: number },
): Promise<WebhookDelivery | null> {
  const filter = { endpointUuid, eventSeq: seq };
  const found = await listDeliveries(db, accountUuid, filter, { limit: 1, order: 'desc', cursor: null });
  return found.ok ? (found.value.data[0] ?? null) : null;
}
