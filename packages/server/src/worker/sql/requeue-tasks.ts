import type { SqlFunction } from '../../db/index.ts';

/** Takes a new fence from each batch, then locks leases and tasks. */
const LOCKS = /* sql */ `
  UPDATE batch_schedule s SET fence = s.fence + 1
  FROM (
    SELECT b.account_id, b.batch_id FROM batch_schedule b
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT x, y FROM unnest(p_account_ids, p_batch_ids) AS u(x, y))
    ORDER BY b.account_id, b.batch_id FOR NO KEY UPDATE
  ) locked
  WHERE s.account_id = locked.account_id AND s.batch_id = locked.batch_id;
  PERFORM 1 FROM task_leases l
  WHERE (l.account_id, l.batch_id, l.fence) IN (
    SELECT a, b, f FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f))
  ORDER BY l.account_id, l.batch_id, l.fence FOR NO KEY UPDATE;
  -- Locked before they are read below, so that what is remembered of an attempt is its last state.
  PERFORM 1 FROM tasks t
  WHERE (t.account_id, t.batch_id, t.task_index) IN (
    SELECT a, b, i FROM unnest(p_account_ids, p_batch_ids, p_task_indexes) AS u(a, b, i))
  ORDER BY t.account_id, t.batch_id, t.task_index FOR NO KEY UPDATE;`;

/** `input`: what is asked, with the lease and whether the batch is open. `before`: the tasks as they are. */
const READ_TASKS = /* sql */ `
  input AS MATERIALIZED (
    SELECT i.*, s.fence AS new_fence, l.route,
      l.kind = 'range' AND i.task_index BETWEEN l.from_index AND l.to_index AS is_in_range,
      s.batch_id IS NOT NULL AND NOT s.closed AND s.deadline_at > v_now AS is_open
    FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_failure_types, p_failure_details, p_counted,
      p_possible_duplicates, p_delays_ms) WITH ORDINALITY
      AS i(account_id, batch_id, task_index, fence, failure_type, failure_detail, counted, possible_duplicate,
        delay_ms, ord)
    LEFT JOIN batch_schedule s ON s.account_id = i.account_id AND s.batch_id = i.batch_id
    LEFT JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
  ),
  before AS MATERIALIZED (
    SELECT t.account_id, t.batch_id, t.task_index, t.upstream_id, t.submitted_at, t.attempt
    FROM tasks t
    WHERE (t.account_id, t.batch_id, t.task_index) IN (SELECT i.account_id, i.batch_id, i.task_index FROM input i)
  )`;

/** `won`: the tasks that go back to the queue. */
const REQUEUE = /* sql */ `
  won AS (
    UPDATE tasks t
    SET state = 'queued', fence = i.new_fence, failures = t.failures + CASE WHEN i.counted THEN 1 ELSE 0 END,
      upstream_id = NULL, unknown_since = NULL, failure_detail = left(i.failure_detail, 500)
    FROM input i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND i.is_open
      AND CASE
        WHEN i.failure_type IS NULL THEN t.state = 'queued' AND (t.fence = i.fence OR (t.fence = 0 AND i.is_in_range))
        WHEN i.possible_duplicate AND t.upstream_id IS NOT NULL THEN false
        ELSE t.fence = i.fence AND t.state IN ('submitting', 'running', 'unknown')
      END
    RETURNING i.ord, t.account_id, t.batch_id, t.task_index
  )`;

/** `remembered`, `queued` and `released`: the record of the attempt, the due time of the next, and the lease. */
const KEEP_BOOKS = /* sql */ `
  remembered AS (
    INSERT INTO task_attempts (account_id, batch_id, task_index, attempt, route, failure_type, failure_detail,
      upstream_id, possible_duplicate, submitted_at, ended_at)
    SELECT i.account_id, i.batch_id, i.task_index, b.attempt, i.route, i.failure_type, left(i.failure_detail, 500),
      b.upstream_id, i.possible_duplicate, b.submitted_at, v_now
    FROM won w JOIN input i ON i.ord = w.ord
    JOIN before b ON b.account_id = w.account_id AND b.batch_id = w.batch_id AND b.task_index = w.task_index
    WHERE i.failure_type IS NOT NULL
  ),
  queued AS (
    INSERT INTO task_retries (account_id, batch_id, task_index, due_at)
    SELECT w.account_id, w.batch_id, w.task_index, v_now + i.delay_ms * interval '1 millisecond'
    FROM won w JOIN input i ON i.ord = w.ord
  ),
  released AS (
    UPDATE task_leases l SET open = l.open - d.tasks
    FROM (
      SELECT i.account_id, i.batch_id, i.fence, count(*)::integer AS tasks
      FROM won w JOIN input i ON i.ord = w.ord GROUP BY 1, 2, 3
    ) d
    WHERE l.account_id = d.account_id AND l.batch_id = d.batch_id AND l.fence = d.fence
  )`;

export const requeueTasks: SqlFunction = {
  name: 'requeue_tasks',
  comment: `
    Ends attempts and puts their tasks back into the queue, with a new fence that nobody holds. A null failure type
    returns a claimed task that was not sent; then no attempt is recorded. Returns 'requeued', 'closed' (the batch is
    canceled or past its deadline, so the caller must settle the failure) or 'lost' (another worker holds the task, or
    the upstream's answer came after all, so it is not sent again).`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION requeue_tasks(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[],
  p_failure_types text[], p_failure_details text[], p_counted boolean[], p_possible_duplicates boolean[],
  p_delays_ms integer[]
) RETURNS TABLE (ord bigint, answer text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
BEGIN${LOCKS}
  v_now := rushes_now();

  RETURN QUERY
  WITH${READ_TASKS},${REQUEUE},${KEEP_BOOKS}
  SELECT i.ord, CASE WHEN w.ord IS NOT NULL THEN 'requeued' WHEN NOT i.is_open THEN 'closed' ELSE 'lost' END
  FROM input i LEFT JOIN won w ON w.ord = i.ord;

  DELETE FROM task_leases
  WHERE open = 0
    AND (account_id, batch_id) IN (SELECT DISTINCT x, y FROM unnest(p_account_ids, p_batch_ids) AS u(x, y));
END
$$;
`,
};
