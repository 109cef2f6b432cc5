/**
 * Takes the locks that a settlement needs, in the order of everybody: accounts, holds, schedule rows, leases; the tasks
 * are locked as they are changed.
 */
export const LOCKS = /* sql */ `
  PERFORM 1 FROM credit_accounts
  WHERE account_id IN (SELECT DISTINCT unnest(p_account_ids))
  ORDER BY account_id FOR NO KEY UPDATE;
  PERFORM 1 FROM credit_holds
  WHERE (account_id, batch_id) IN (SELECT DISTINCT a, b FROM unnest(p_account_ids, p_batch_ids) AS u(a, b))
  ORDER BY account_id, batch_id FOR NO KEY UPDATE;
  -- Only where this call may end or pause the batch: otherwise claims, which skip a locked row, would wait for settling.
  PERFORM 1 FROM batch_schedule s
  JOIN (
    SELECT p_account_ids[c.claim] AS account_id, p_batch_ids[c.claim] AS batch_id, sum(c.tasks) AS tasks
    FROM (SELECT u.claim, count(*) AS tasks FROM unnest(p_claims) AS u(claim) GROUP BY 1) c
    GROUP BY 1, 2
  ) i ON i.account_id = s.account_id AND i.batch_id = s.batch_id
  JOIN batches b ON b.account_id = s.account_id AND b.batch_id = s.batch_id
  WHERE b.max_failure_rate IS NOT NULL OR b.succeeded + b.failed + b.canceled + i.tasks >= b.total
  ORDER BY s.account_id, s.batch_id FOR NO KEY UPDATE OF s;
  -- Before the tasks, as a takeover does: the two would otherwise wait for each other.
  PERFORM 1 FROM task_leases l
  JOIN (SELECT DISTINCT a AS account_id, b AS batch_id, f AS fence FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f)) i
    ON i.account_id = l.account_id AND i.batch_id = l.batch_id AND (i.fence = l.fence OR (i.fence = 0 AND l.kind = 'range'))
  ORDER BY l.account_id, l.batch_id, l.fence FOR NO KEY UPDATE OF l;
  v_now := rushes_now();`;
