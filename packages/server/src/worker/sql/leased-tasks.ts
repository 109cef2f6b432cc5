import type { SqlFunction } from '../../db/index.ts';

export const leasedTasks: SqlFunction = {
  name: 'leased_tasks',
  comment: `
    Returns the unfinished tasks of leases (numbered from 1), with all data that is needed to continue them in any
    state. Times are milliseconds left on the database's clock, so that a worker's own clock does not matter.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION leased_tasks(p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[])
RETURNS TABLE (lease bigint, task_index integer, prompt text, params jsonb, state text, attempt integer, failures integer,
  upstream_id text, timeout_in_ms double precision, unknown_for_ms double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH held AS MATERIALIZED (
    SELECT i.ord, l.* FROM unnest(p_account_ids, p_batch_ids, p_fences) WITH ORDINALITY
      AS i(account_id, batch_id, fence, ord)
    JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
  )
  SELECT l.ord, t.task_index, t.prompt, t.params, t.state, t.attempt, t.failures, t.upstream_id,
    extract(epoch FROM t.timeout_at - v_now)::double precision * 1000,
    extract(epoch FROM v_now - t.unknown_since)::double precision * 1000
  FROM held l
  JOIN tasks t ON t.account_id = l.account_id AND t.batch_id = l.batch_id
    AND t.task_index BETWEEN l.from_index AND l.to_index
    AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range')) AND t.resolution IS NULL
  ORDER BY l.ord, t.task_index;
END
$$;
`,
};
