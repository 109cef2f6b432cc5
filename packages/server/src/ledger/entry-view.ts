import { formatId, formatTaskId, type LedgerBucket, type LedgerEntry, type LedgerKind } from '@rushes/contract';

export interface EntryRow {
  readonly seq: number;
  readonly kind: LedgerKind;
  readonly from_bucket: LedgerBucket;
  readonly to_bucket: LedgerBucket;
  readonly amount: number;
  readonly available_after: number;
  readonly reserved_after: number;
  readonly spent_after: number;
  readonly batch_id: string | null;
  readonly task_index: number | null;
  readonly reverses_seq: number | null;
  readonly reason: string | null;
  readonly reference: string | null;
  readonly created_at: string;
}

/** Times to the microsecond, as they are stored: a Date would cut them, and a range of time would miss entries. */
export const ENTRY_COLUMNS = `seq, kind, from_bucket, to_bucket, amount, available_after, reserved_after, spent_after,
  batch_id, task_index, reverses_seq, reason, reference,
  to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at`;

export function toEntry(row: EntryRow): LedgerEntry {
  return {
    seq: row.seq,
    kind: row.kind,
    from: row.from_bucket,
    to: row.to_bucket,
    amount: row.amount,
    available_after: row.available_after,
    reserved_after: row.reserved_after,
    spent_after: row.spent_after,
    batch_id: row.batch_id === null ? null : formatId('bat', row.batch_id),
    task_id: row.batch_id === null || row.task_index === null ? null : formatTaskId(row.batch_id, row.task_index),
    task_index: row.task_index,
    reverses_seq: row.reverses_seq,
    reason: row.reason,
    reference: row.reference,
    created_at: row.created_at,
  };
}
