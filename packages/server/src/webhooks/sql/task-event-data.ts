import type { SqlFunction } from '../../db/index.ts';

export const taskEventData: SqlFunction = {
  name: 'task_event_data',
  comment: `
    Returns the data of a task.* event. It is read from the task, which no longer changes, so the event has no copy.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION task_event_data(p_account_id uuid, p_batch_id uuid, p_task_index integer) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT jsonb_build_object('custom_id', t.custom_id, 'model', b.model, 'status', t.state, 'attempts', t.attempt,
    'failure_type', t.failure_type, 'resolution', t.resolution, 'unit_price', b.unit_price,
    'video', CASE WHEN t.state = 'succeeded' THEN jsonb_build_object('bytes', t.video_bytes,
      'sha256', encode(t.video_sha256, 'hex'), 'content_type', t.video_content_type) END)
  FROM tasks t JOIN batches b ON b.account_id = t.account_id AND b.batch_id = t.batch_id
  WHERE t.account_id = p_account_id AND t.batch_id = p_batch_id AND t.task_index = p_task_index
$$;
`,
};
