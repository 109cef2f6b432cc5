import { batchIds, type Batch, type BatchStatus, type FailureType, type Terms, type BatchUuid } from '@rushes/contract';

export interface BatchRow {
  readonly batch_id: BatchUuid;
  readonly request_id: string;
  readonly model: string;
  readonly status: BatchStatus;
  readonly paused: boolean;
  readonly cancel_requested: boolean;
  readonly total: number;
  readonly in_flight: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly canceled: number;
  readonly unit_price: number;
  readonly terms: Terms;
  readonly amount: number;
  readonly charged: number;
  readonly refunded: number;
  readonly forfeited: number;
  readonly metadata: Record<string, string>;
  readonly retry_of: BatchUuid | null;
  readonly failures: Partial<Record<FailureType, number>> | null;
  readonly created_at: Date;
  /** A Date holds milliseconds only, too coarse to page by. */
  readonly created_at_us: number;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly deadline_at: Date;
}

/**
 * A batch with all that its view needs, in one statement and so from one snapshot: the counts always add up. What is in
 * flight comes from the leases, of which there are few, and not from the tasks.
 */
export const SELECT_BATCHES = /* sql */ `
SELECT b.batch_id, b.request_id, b.model, b.status, b.paused, b.cancel_requested_at IS NOT NULL AS cancel_requested,
  b.total, b.succeeded, b.failed, b.canceled, b.unit_price, b.terms, b.metadata, b.retry_of,
  h.amount, h.charged, h.refunded, h.forfeited,
  (SELECT coalesce(sum(l.open), 0) FROM task_leases l
    WHERE l.account_id = b.account_id AND l.batch_id = b.batch_id) AS in_flight,
  (SELECT jsonb_object_agg(f.failure_type, f.tasks) FROM batch_failures f
    WHERE f.account_id = b.account_id AND f.batch_id = b.batch_id) AS failures,
  b.created_at, (extract(epoch FROM b.created_at) * 1000000)::bigint AS created_at_us,
  b.started_at, b.finished_at, b.deadline_at
FROM batches b JOIN credit_holds h ON h.account_id = b.account_id AND h.batch_id = b.batch_id`;

export function toBatch(row: BatchRow): Batch {
  const final = row.succeeded + row.failed + row.canceled;
  return {
    id: batchIds.format(row.batch_id),
    request_id: row.request_id,
    model: row.model,
    status: row.status,
    paused: row.paused,
    canceling: row.cancel_requested && row.finished_at === null,
    counts: {
      total: row.total,
      queued: row.total - final - row.in_flight,
      processing: row.in_flight,
      succeeded: row.succeeded,
      failed: row.failed,
      canceled: row.canceled,
    },
    credits: {
      unit_price: row.unit_price,
      reserved: row.amount,
      held: row.amount - row.charged - row.refunded - row.forfeited,
      charged: row.charged,
      refunded: row.refunded,
      forfeited: row.forfeited,
    },
    metadata: row.metadata,
    retry_of: row.retry_of === null ? null : batchIds.format(row.retry_of),
    failure_summary: row.failures ?? {},
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    deadline_at: row.deadline_at.toISOString(),
  };
}
