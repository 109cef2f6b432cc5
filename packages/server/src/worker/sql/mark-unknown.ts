import type { SqlFunction } from '../../db/index.ts';

export const markUnknown: SqlFunction = {
  name: 'mark_unknown',
  comment: `
    Marks tasks whose submission got no clear answer as unknown. Returns the rows that were changed.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION mark_unknown(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[], p_details text[]
) RETURNS TABLE (ord bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  UPDATE tasks t SET state = 'unknown', unknown_since = coalesce(t.unknown_since, v_now), failure_detail = left(i.detail, 500)
  FROM (
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_details)
      WITH ORDINALITY AS u(account_id, batch_id, task_index, fence, detail, ord)
    ORDER BY account_id, batch_id, task_index
  ) i
  WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
    AND t.state IN ('submitting', 'unknown') AND t.fence = i.fence
  RETURNING i.ord;
END
$$;
`,
};
