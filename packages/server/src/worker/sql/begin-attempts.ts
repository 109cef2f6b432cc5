import type { SqlFunction } from '../../db/index.ts';

export const beginAttempts: SqlFunction = {
  name: 'begin_attempts',
  comment: `
    Stores the intent to submit attempt number p_attempts of every task in each range. Returns for each range the tasks
    that may be sent now, null for all of them. Tasks that were canceled or taken over are missing, and so are ranges
    without tasks. Calling it again after a lost answer gives the same answer.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION begin_attempts(
  p_account_ids uuid[], p_batch_ids uuid[], p_from_indexes integer[], p_to_indexes integer[], p_fences bigint[],
  p_attempts integer[], p_timeouts_ms integer[]
) RETURNS TABLE (ord bigint, indexes integer[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH begun AS (
    UPDATE tasks t
    SET state = 'submitting', fence = i.fence, attempt = i.attempt, submitted_at = v_now,
      timeout_at = v_now + i.timeout_ms * interval '1 millisecond', started_at = coalesce(t.started_at, v_now)
    FROM (
      SELECT u.*, EXISTS (
          SELECT 1 FROM task_leases l
          WHERE l.account_id = u.account_id AND l.batch_id = u.batch_id AND l.fence = u.fence AND l.kind = 'range'
            AND l.from_index <= u.from_index AND u.to_index <= l.to_index) AS has_lease
      FROM unnest(p_account_ids, p_batch_ids, p_from_indexes, p_to_indexes, p_fences, p_attempts, p_timeouts_ms)
        WITH ORDINALITY AS u(account_id, batch_id, from_index, to_index, fence, attempt, timeout_ms, ord)
      ORDER BY u.account_id, u.batch_id, u.from_index
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index BETWEEN i.from_index AND i.to_index
      AND CASE t.state
        -- Never claimed before: ours as long as our lease stands.
        WHEN 'queued' THEN t.attempt = i.attempt - 1 AND (t.fence = i.fence OR (t.fence = 0 AND i.has_lease))
        -- Our own commit whose answer was lost: nothing was sent yet.
        WHEN 'submitting' THEN t.attempt = i.attempt AND t.fence = i.fence
        ELSE false
      END
    RETURNING i.ord, t.task_index, i.to_index - i.from_index + 1 AS size
  )
  SELECT b.ord, CASE WHEN count(*) < min(b.size) THEN array_agg(b.task_index) END
  FROM begun b GROUP BY b.ord;
END
$$;
`,
};
