import type { SqlFunction } from '../../db/index.ts';

export const recordSubmissions: SqlFunction = {
  name: 'record_submissions',
  comment: `
    Stores the upstream's ids. Returns the rows whose tasks now run with that id. For the others the id is kept too:
    with the task when its outcome became unknown meanwhile (then the upstream is asked about the id instead of sending
    the task again), or else with the record of the attempt, so that the generation can be matched.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION record_submissions(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[], p_attempts integer[],
  p_upstream_ids text[]
) RETURNS TABLE (ord bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_won bigint;
BEGIN
  -- The late ones with the others, so that tasks are locked in one order. One that a takeover has changed while this waited is
  -- looked at again as it is now.
  RETURN QUERY
  WITH kept AS (
    UPDATE tasks t
    SET state = CASE WHEN t.state IN ('submitting', 'running') THEN 'running' ELSE t.state END, upstream_id = i.upstream_id
    FROM (
      SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_attempts, p_upstream_ids)
        WITH ORDINALITY AS u(account_id, batch_id, task_index, fence, attempt, upstream_id, ord)
      ORDER BY account_id, batch_id, task_index
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND CASE
        WHEN t.state IN ('submitting', 'running') THEN (t.state = 'submitting' OR t.upstream_id = i.upstream_id)
          AND t.fence = i.fence AND t.attempt = i.attempt
        ELSE t.state IN ('unknown', 'failed') AND t.unknown_since IS NOT NULL AND t.attempt = i.attempt
          AND t.upstream_id IS NULL
      END
    RETURNING i.ord, t.state
  )
  SELECT k.ord FROM kept k WHERE k.state = 'running';
  GET DIAGNOSTICS v_won = ROW_COUNT;
  IF v_won = cardinality(p_account_ids) THEN
    RETURN;
  END IF;

  -- In a statement of its own, which sees the requeueing that the one above has waited for.
  UPDATE task_attempts a SET upstream_id = i.upstream_id, possible_duplicate = true
  FROM (
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
      AS u(account_id, batch_id, task_index, attempt, upstream_id)
    ORDER BY account_id, batch_id, task_index, attempt
  ) i
  WHERE a.account_id = i.account_id AND a.batch_id = i.batch_id AND a.task_index = i.task_index
    AND a.attempt = i.attempt AND a.upstream_id IS NULL;
END
$$;
`,
};
