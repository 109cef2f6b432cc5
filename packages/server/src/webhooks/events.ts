/**
 * Events as the customer sees them, in the list and on the wire. The database keeps raw uuids and prices; the public
 * form is made here and nowhere else, from the row alone, so that every attempt of a delivery has the same bytes.
 */
import {
  FAILURE_MESSAGES,
  FAILURE_TYPES,
  batchIds,
  eventIds,
  taskIds,
  type BatchCounts,
  type Event,
  type EventType,
  type ListedEvent,
  type Page,
  type AccountUuid,
  type BatchUuid,
} from '@rushes/contract';
import { z } from 'zod';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { MAX_EVENT_BODY_BYTES } from './limits.ts';

/** A row of the table `events`, with the data that belongs to it. */
export interface EventRow {
  readonly account_id: AccountUuid;
  readonly seq: number;
  readonly type: EventType;
  readonly batch_id: BatchUuid | null;
  readonly task_index: number | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
}

/** Of a row v of `events`: those of tasks keep no data of their own, it is read from the task, which is final. */
export const EVENT_DATA = 'coalesce(v.data, task_event_data(v.account_id, v.batch_id, v.task_index))';
const SELECT_EVENTS = `SELECT v.account_id, v.seq, v.type, v.batch_id, v.task_index, ${EVENT_DATA} AS data, v.created_at
  FROM events v`;

/** As task_event_data gives it. */
const taskData = z.object({
  custom_id: z.string().nullable(),
  model: z.string(),
  status: z.enum(['succeeded', 'failed', 'canceled']),
  attempts: z.int(),
  failure_type: z.enum(FAILURE_TYPES).nullable(),
  resolution: z.enum(['charge', 'refund', 'forfeit']),
  unit_price: z.int(),
  video: z.object({ bytes: z.int(), sha256: z.string(), content_type: z.string() }).nullable(),
});

const time = z.string().transform((text) => new Date(text).toISOString());

/** As written by write_batch_events. */
const batchData = z.object({
  request_id: z.string(),
  model: z.string(),
  status: z.string(),
  counts: z.object({
    total: z.int(),
    processing: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    canceled: z.int(),
  }),
  credits: z.object({
    unit_price: z.int(),
    reserved: z.int(),
    held: z.int(),
    charged: z.int(),
    refunded: z.int(),
    forfeited: z.int(),
  }),
  metadata: z.record(z.string(), z.string()),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  /** Of batch.paused. */
  reason: z.string().optional(),
  /** Of final events: the latest signed checkpoint of the account's ledger when the batch ended; null before the first. */
  ledger_checkpoint: z.string().nullable().optional(),
});

function taskEventData(batchUuid: BatchUuid, index: number, raw: unknown): Record<string, unknown> {
  const task = taskData.parse(raw);
  const inCase = (resolution: typeof task.resolution): number => (task.resolution === resolution ? task.unit_price : 0);
  return {
    batch_id: batchIds.format(batchUuid),
    task_id: taskIds.format(batchUuid, index),
    index,
    custom_id: task.custom_id,
    model: task.model,
    status: task.status,
    attempts: task.attempts,
    failure:
      task.failure_type === null ? null : { type: task.failure_type, message: FAILURE_MESSAGES[task.failure_type] },
    credits: { charged: inCase('charge'), refunded: inCase('refund'), forfeited: inCase('forfeit') },
    video: task.video,
  };
}

function batchEventData(batchUuid: BatchUuid, raw: unknown): Record<string, unknown> {
  const batch = batchData.parse(raw);
  const { total, processing, succeeded, failed, canceled } = batch.counts;
  const counts: BatchCounts = {
    total,
    queued: total - processing - succeeded - failed - canceled,
    processing,
    succeeded,
    failed,
    canceled,
  };
  return {
    id: batchIds.format(batchUuid),
    batch_id: batchIds.format(batchUuid),
    request_id: batch.request_id,
    model: batch.model,
    status: batch.status,
    ...(batch.reason === undefined ? {} : { reason: batch.reason }),
    counts,
    credits: batch.credits,
    ...(batch.ledger_checkpoint === undefined ? {} : { ledger_checkpoint: batch.ledger_checkpoint }),
    metadata: batch.metadata,
    created_at: batch.created_at,
    started_at: batch.started_at,
    finished_at: batch.finished_at,
  };
}

function dataOf(row: EventRow): Record<string, unknown> {
  if (row.batch_id !== null && row.task_index !== null) return taskEventData(row.batch_id, row.task_index, row.data);
  if (row.batch_id !== null) return batchEventData(row.batch_id, row.data);
  // Events of the account and its endpoints are written in their public form.
  return { ...row.data };
}

/** The body of a webhook: what is signed and sent. */
export function eventBody(event: Event): string {
  return JSON.stringify(event);
}

/**
 * The public form of an event, never with a prompt or a link in it. Only the customer's own metadata can make it too
 * large; then `metadata` is empty and `metadata_omitted` says so.
 */
export function renderEvent(row: EventRow): Event {
  const event: Event = {
    id: eventIds.format(row.account_id, row.seq),
    type: row.type,
    created_at: row.created_at.toISOString(),
    data: dataOf(row),
  };
  if (Buffer.byteLength(eventBody(event)) < MAX_EVENT_BODY_BYTES) return event;
  return { ...event, data: { ...event.data, metadata: {}, metadata_omitted: true } };
}

export interface EventQuery {
  /** Only events behind this number; 0 from the first one. */
  readonly after: number;
  readonly limit: number;
}

/** The account's events, oldest first, without holes. `next_cursor` is the last one's seq: the `after` to go on with. */
export async function listEvents(
  db: Queryable,
  accountUuid: AccountUuid,
  { after, limit }: EventQuery,
): Promise<Outcome<Page<ListedEvent>>> {
  if (!Number.isSafeInteger(after) || after < 0) {
    return refuse({ code: 'invalid_request', detail: '`after` must be the seq of an event, or 0.', param: 'after' });
  }
  const rows = await db.query<EventRow>(
    `${SELECT_EVENTS} WHERE v.account_id = $1 AND v.seq > $2 ORDER BY v.seq LIMIT $3`,
    [accountUuid, after, limit + 1],
  );
  const shown = rows.slice(0, limit);
  const hasMore = rows.length > limit;
  const last = shown.at(-1);
  return accept({
    data: shown.map((row) => ({ seq: row.seq, ...renderEvent(row) })),
    has_more: hasMore,
    next_cursor: hasMore && last !== undefined ? String(last.seq) : null,
  });
}

/** One event; null when the account has none with this number. */
export async function findEvent(db: Queryable, accountUuid: AccountUuid, seq: number): Promise<ListedEvent | null> {
  const [row] = await db.query<EventRow>(`${SELECT_EVENTS} WHERE v.account_id = $1 AND v.seq = $2`, [accountUuid, seq]);
  return row === undefined ? null : { seq: row.seq, ...renderEvent(row) };
}
