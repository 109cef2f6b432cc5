import type { SqlFunction } from '../../db/index.ts';

export const dropCallbacks: SqlFunction = {
  name: 'drop_callbacks',
  comment: `
    Deletes callbacks that the upstream did not confirm.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION drop_callbacks(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_attempts integer[], p_upstream_ids text[]
) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
  DELETE FROM upstream_callbacks c
  USING unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
    AS i(account_id, batch_id, task_index, attempt, upstream_id)
  WHERE c.account_id = i.account_id AND c.batch_id = i.batch_id AND c.task_index = i.task_index
    AND c.attempt = i.attempt AND c.upstream_id = i.upstream_id
$$;
`,
};
