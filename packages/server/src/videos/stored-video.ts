import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { StoredVideo } from '../ports.ts';

/** The video of a task that succeeded, as it lies in the storage. */
export interface TaskVideoFile extends StoredVideo {
  readonly customId: string | null;
}

interface VideoRow {
  readonly custom_id: string | null;
  readonly video_key: string;
  readonly video_bytes: number;
  readonly video_sha256: Uint8Array;
  readonly video_content_type: string;
}

/** Where the video of a task is, or null while there is none. */
export async function findVideo(
  db: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  index: number,
): Promise<TaskVideoFile | null> {
  const [row] = await db.query<VideoRow>(
    `SELECT custom_id, video_key, video_bytes, video_sha256, video_content_type FROM tasks
     WHERE account_id = $1 AND batch_id = $2 AND task_index = $3 AND state = 'succeeded'`,
    [accountUuid, batchUuid, index],
  );
  if (row === undefined) return null;
  return {
    customId: row.custom_id,
    key: row.video_key,
    bytes: row.video_bytes,
    sha256: row.video_sha256,
    contentType: row.video_content_type,
  };
}
