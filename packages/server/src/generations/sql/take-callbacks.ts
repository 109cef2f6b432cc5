import type { SqlFunction } from '../../db/index.ts';

/** `due`: callbacks to look into, each with what it is about. */
const DUE = /* sql */ `
  due AS MATERIALIZED (
    SELECT c.*, k.kind
    FROM upstream_callbacks c
    JOIN tasks t ON t.account_id = c.account_id AND t.batch_id = c.batch_id AND t.task_index = c.task_index
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN c.received_at < v_now - interval '1 day' THEN 'nothing'
        WHEN t.attempt = c.attempt AND t.state = 'submitting' THEN 'wait'
        WHEN t.attempt = c.attempt AND t.state = 'unknown' AND t.upstream_id IS NULL THEN 'open'
        WHEN t.attempt = c.attempt AND t.state IN ('running', 'unknown') AND t.upstream_id = c.upstream_id THEN 'ended'
        WHEN t.attempt = c.attempt AND t.state = 'failed' AND t.unknown_since IS NOT NULL AND t.upstream_id IS NULL
          THEN 'past'
        WHEN EXISTS (
          SELECT FROM task_attempts a
          WHERE a.account_id = c.account_id AND a.batch_id = c.batch_id AND a.task_index = c.task_index
            AND a.attempt = c.attempt AND a.possible_duplicate AND a.upstream_id IS NULL) THEN 'past'
        ELSE 'nothing'
      END AS kind
    ) k
    WHERE c.due_at <= v_now AND c.route = ANY (p_routes) AND k.kind <> 'wait'
      AND (k.kind IN ('past', 'nothing') OR EXISTS (
        SELECT FROM task_leases l
        WHERE l.account_id = t.account_id AND l.batch_id = t.batch_id AND l.fence = t.fence
          AND l.worker_id = p_worker_id))
    ORDER BY c.due_at LIMIT p_limit
    FOR UPDATE OF c SKIP LOCKED
  )`;

/** `gone` and `again`: what is taken out of the inbox, and what comes again later. */
const PUT_OFF = /* sql */ `
  gone AS (
    DELETE FROM upstream_callbacks c USING due d
    WHERE d.kind IN ('ended', 'nothing')
      AND c.account_id = d.account_id AND c.batch_id = d.batch_id AND c.task_index = d.task_index
      AND c.attempt = d.attempt AND c.upstream_id = d.upstream_id
  ),
  again AS (
    UPDATE upstream_callbacks c
    SET tries = d.tries + 1, due_at = v_now + p_again_ms * 2 ^ least(d.tries, 10) * interval '1 millisecond'
    FROM due d
    WHERE d.kind IN ('open', 'past')
      AND c.account_id = d.account_id AND c.batch_id = d.batch_id AND c.task_index = d.task_index
      AND c.attempt = d.attempt AND c.upstream_id = d.upstream_id
  )`;

export const takeCallbacks: SqlFunction = {
  name: 'take_callbacks',
  comment: `
    Returns the callbacks that this worker should check now: about tasks that it holds, and about attempts that ended
    with an unknown outcome. 'ended': the result of a running task may be ready; the callback is deleted, because the
    task is polled anyway. 'open': a task with an unknown outcome. 'past': an attempt or task that has ended. The last
    two are returned again later, less and less often, until they are confirmed or dropped. A callback waits while the
    answer to its submission may still come. Callbacks older than a day are deleted.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION take_callbacks(p_worker_id uuid, p_routes text[], p_limit integer, p_again_ms integer)
RETURNS TABLE (account_id uuid, batch_id uuid, task_index integer, attempt integer, route text, upstream_id text,
  tries integer, kind text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH${DUE},${PUT_OFF}
  SELECT d.account_id, d.batch_id, d.task_index, d.attempt, d.route, d.upstream_id, d.tries, d.kind
  FROM due d WHERE d.kind <> 'nothing';
END
$$;
`,
};
