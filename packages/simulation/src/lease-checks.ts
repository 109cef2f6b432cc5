/** What must be true of leases whenever a statement has been committed: one look for all of it. */
import type { Database } from '../../server/src/db/index.ts';

/** Statements after which something of it can have changed. */
const CHANGES_LEASES = /^(claim_tasks|begin_attempts|requeue_tasks|settle_tasks|take_over_leases|close_batch)$/;

export interface BrokenRule {
  readonly rule: string;
  readonly detail: string;
}

/**
 * Limits are exact, and a lease counts exactly the tasks that are open under it: nobody may ever see it otherwise. A route's
 * limit is one of claiming: what waits to be settled and is settled at last counts again.
 */
export async function checkLeases(
  control: Database,
  statement: string,
  claimedRoute: string | null,
): Promise<BrokenRule[]> {
  if (!CHANGES_LEASES.test(statement)) return [];
  return control.query<{ rule: string; detail: string }>(
    `SELECT 'a limit is exceeded' AS rule,
       format('account %s has %s of %s', l.account_id, sum(l.open), a.max_concurrent_tasks) AS detail
     FROM task_leases l JOIN accounts a USING (account_id)
     GROUP BY l.account_id, a.max_concurrent_tasks HAVING sum(l.open) > a.max_concurrent_tasks
     UNION ALL
     SELECT 'a limit is exceeded', format('route %s has %s of %s', r.route, b.tasks, r.max_concurrent_tasks)
     FROM dispatch_routes r CROSS JOIN LATERAL (
       SELECT sum(l.open - coalesce(u.tasks, 0)) AS tasks
       FROM task_leases l
       LEFT JOIN unsettled_tasks u
         ON u.account_id = l.account_id AND u.batch_id = l.batch_id AND u.fence = l.fence AND u.open = l.open
       WHERE l.route = r.route
     ) b
     WHERE r.route = $1 AND b.tasks > r.max_concurrent_tasks
     UNION ALL
     SELECT 'a lease counts other tasks than it has',
       format('lease %s of batch %s counts %s and has %s', l.fence, l.batch_id, l.open, t.open)
     FROM task_leases l CROSS JOIN LATERAL (
       SELECT count(*) AS open FROM tasks t
       WHERE t.account_id = l.account_id AND t.batch_id = l.batch_id AND t.task_index BETWEEN l.from_index AND l.to_index
         AND t.resolution IS NULL AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range'))
     ) t
     WHERE t.open <> l.open`,
    [claimedRoute],
  );
}
