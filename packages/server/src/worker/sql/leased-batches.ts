import type { SqlFunction } from '../../db/index.ts';

export const leasedBatches: SqlFunction = {
  name: 'leased_batches',
  comment: `
    Returns the data that all tasks of a lease have in common, for each lease.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION leased_batches(p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[])
RETURNS TABLE (lease bigint, route text, model text, timeout_ms integer, is_batch_queued boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH held AS MATERIALIZED (
    SELECT i.ord, l.account_id, l.batch_id, l.route FROM unnest(p_account_ids, p_batch_ids, p_fences) WITH ORDINALITY
      AS i(account_id, batch_id, fence, ord)
    JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
  )
  SELECT l.ord, l.route, b.model, s.timeout_ms, b.status = 'queued'
  FROM held l
  JOIN batches b ON b.account_id = l.account_id AND b.batch_id = l.batch_id
  JOIN batch_schedule s ON s.account_id = l.account_id AND s.batch_id = l.batch_id;
END
$$;
`,
};
