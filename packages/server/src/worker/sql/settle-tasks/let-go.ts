/**
 * `released` and `emptied`: the leases that the tasks were held by have fewer open tasks, or go with their last one.
 * `unretried`: a queued task that ended will not be tried again.
 */
export const LET_GO = /* sql */ `
  -- A task that was claimed but never stamped belongs to the range that its index lies in.
  let_go AS MATERIALIZED (
    SELECT g.account_id, g.batch_id, g.fence, sum(g.tasks) AS tasks
    FROM (
      SELECT p_account_ids[p.claim] AS account_id, p_batch_ids[p.claim] AS batch_id, p_fences[p.claim] AS fence, p.tasks
      FROM per_claim p WHERE p_fences[p.claim] <> 0
      UNION ALL
      SELECT r.account_id, r.batch_id, r.fence, 1
      FROM numbered n JOIN task_leases r ON r.kind = 'range' AND r.account_id = p_account_ids[n.claim]
        AND r.batch_id = p_batch_ids[n.claim] AND n.task_index BETWEEN r.from_index AND r.to_index
      WHERE 0 = ANY (p_fences) AND p_fences[n.claim] = 0
    ) g GROUP BY 1, 2, 3
  ),
  released AS (
    UPDATE task_leases l SET open = l.open - g.tasks FROM let_go g
    WHERE l.account_id = g.account_id AND l.batch_id = g.batch_id AND l.fence = g.fence AND l.open <> g.tasks
  ),
  emptied AS (
    DELETE FROM task_leases l USING let_go g
    WHERE l.account_id = g.account_id AND l.batch_id = g.batch_id AND l.fence = g.fence AND l.open = g.tasks
  ),
  unretried AS (
    DELETE FROM task_retries r USING numbered n
    WHERE p_outcomes && '{canceled,expired}' AND p_outcomes[n.place] IN ('canceled', 'expired')
      AND r.account_id = p_account_ids[n.claim] AND r.batch_id = p_batch_ids[n.claim] AND r.task_index = n.task_index
  )`;
