import {
  FAILURE_MESSAGES,
  batchIds,
  taskIds,
  type FailureType,
  type Resolution,
  type Task,
  type TaskParams,
  type TaskStatus,
  type BatchUuid,
} from '@rushes/contract';

type TaskState = 'queued' | 'submitting' | 'running' | 'unknown' | 'succeeded' | 'failed' | 'canceled';

export interface TaskRow {
  readonly batch_id: BatchUuid;
  readonly task_index: number;
  readonly custom_id: string | null;
  readonly prompt: string;
  readonly params: TaskParams;
  readonly state: TaskState;
  readonly attempt: number;
  readonly failure_type: FailureType | null;
  readonly resolution: Resolution | 'charge' | null;
  readonly unit_price: number;
  readonly video_bytes: number | null;
  readonly video_sha256: string | null;
  readonly video_content_type: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export const SELECT_TASKS = /* sql */ `
SELECT t.batch_id, t.task_index, t.custom_id, t.prompt, t.params, t.state, t.attempt, t.failure_type, t.resolution,
  b.unit_price, t.video_bytes, encode(t.video_sha256, 'hex') AS video_sha256, t.video_content_type,
  b.created_at, t.started_at, t.finished_at
FROM tasks t JOIN batches b ON b.account_id = t.account_id AND b.batch_id = t.batch_id`;

/** The states behind each status that the API shows. */
export const STATES_OF: Readonly<Record<TaskStatus, readonly TaskState[]>> = {
  queued: ['queued'],
  processing: ['submitting', 'running', 'unknown'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  canceled: ['canceled'],
};

function statusOf(state: TaskState): TaskStatus {
  switch (state) {
    case 'submitting':
    case 'running':
    case 'unknown': {
      return 'processing';
    }
    default: {
      return state;
    }
  }
}

export function toTask(row: TaskRow): Task {
  const { video_bytes: bytes, video_sha256: sha256, video_content_type: contentType } = row;
  const spent = (resolution: TaskRow['resolution']): number => (row.resolution === resolution ? row.unit_price : 0);
  return {
    id: taskIds.format(row.batch_id, row.task_index),
    batch_id: batchIds.format(row.batch_id),
    index: row.task_index,
    custom_id: row.custom_id,
    prompt: row.prompt,
    params: row.params,
    status: statusOf(row.state),
    attempts: row.attempt,
    failure: row.failure_type === null ? null : { type: row.failure_type, message: FAILURE_MESSAGES[row.failure_type] },
    credits: { charged: spent('charge'), refunded: spent('refund'), forfeited: spent('forfeit') },
    video:
      bytes === null || sha256 === null || contentType === null ? null : { bytes, sha256, content_type: contentType },
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}
