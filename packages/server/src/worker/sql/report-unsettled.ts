import type { SqlFunction } from '../../db/index.ts';

export const reportUnsettled: SqlFunction = {
  name: 'report_unsettled',
  comment: `
    Stores which tasks of a worker only wait to be settled. Replaces its earlier report, including leases that no longer
    exist.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION report_unsettled(
  p_worker_id uuid, p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[], p_tasks integer[], p_open integer[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
BEGIN
  DELETE FROM unsettled_tasks u
  WHERE u.worker_id = p_worker_id
    OR NOT EXISTS (SELECT FROM task_leases l
      WHERE l.account_id = u.account_id AND l.batch_id = u.batch_id AND l.fence = u.fence);
  INSERT INTO unsettled_tasks (account_id, batch_id, fence, worker_id, tasks, open)
  SELECT i.account_id, i.batch_id, i.fence, p_worker_id, i.tasks, i.open
  FROM unnest(p_account_ids, p_batch_ids, p_fences, p_tasks, p_open) AS i(account_id, batch_id, fence, tasks, open)
  JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
    AND l.worker_id = p_worker_id AND l.open = i.open;
END
$$;
`,
};
