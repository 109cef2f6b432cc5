import type { SqlFunction } from '../../db/index.ts';

/** The leases that ran out, in the order in which everyone locks. */
const EXPIRED_LEASES = /* sql */ `
    -- The longest expired, each of which has a task; then in the order in which everyone locks.
    SELECT e.account_id, e.batch_id, e.fence, e.kind, e.from_index, e.to_index
    FROM (
      SELECT l.account_id, l.batch_id, l.fence, l.kind, l.from_index, l.to_index
      FROM task_leases l JOIN batch_schedule b ON b.account_id = l.account_id AND b.batch_id = l.batch_id
      WHERE l.lease_until <= v_now AND (p_routes IS NULL OR l.route = ANY (p_routes)
        OR l.lease_until + b.timeout_ms * interval '1 millisecond' <= v_now)
      ORDER BY l.lease_until LIMIT p_tasks
    ) e
    ORDER BY e.account_id, e.batch_id, e.from_index`;

/** Goes on with the next one unless this lease can be locked and is still expired. */
const LOCK_LEASE = /* sql */ `
    SELECT s.fence + 1 INTO v_fence FROM batch_schedule s
    WHERE s.account_id = v_lease.account_id AND s.batch_id = v_lease.batch_id
    FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    -- Renewed, settled or taken by another worker since it was listed?
    PERFORM 1 FROM task_leases l
    WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence
      AND l.lease_until <= v_now
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;`;

/** Gives the unfinished tasks of the lease the new fence. */
const STAMP_TASKS = /* sql */ `
    WITH stamped AS (
      UPDATE tasks t
      SET fence = v_fence,
        state = CASE t.state WHEN 'submitting' THEN 'unknown' ELSE t.state END,
        unknown_since = CASE t.state WHEN 'submitting' THEN v_now ELSE t.unknown_since END
      WHERE t.account_id = v_lease.account_id AND t.batch_id = v_lease.batch_id
        AND t.task_index BETWEEN v_lease.from_index AND v_lease.to_index
        AND (t.fence = v_lease.fence OR (t.fence = 0 AND v_lease.kind = 'range'))
        AND t.resolution IS NULL
      RETURNING 1
    )
    SELECT count(*) INTO v_open FROM stamped;`;

export const takeOverLeases: SqlFunction = {
  name: 'take_over_leases',
  comment: `
    Takes over expired leases. The lease and each of its unfinished tasks get a new fence, so that writes of the old
    worker have no effect. Tasks that it was submitting become unknown. p_routes are the routes that the worker serves;
    null means all. A lease of another route is left to a worker that serves it, until it is older than the timeout of
    its submissions: then any worker may end its tasks.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION take_over_leases(
  p_worker_id uuid, p_lease_ms integer, p_tasks integer, p_routes text[] DEFAULT NULL
)
RETURNS TABLE (account_id uuid, batch_id uuid, fence bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
  v_lease record;
  v_fence bigint;
  v_open integer;
  v_taken integer := 0;
BEGIN
  FOR v_lease IN${EXPIRED_LEASES}
  LOOP
    EXIT WHEN v_taken >= p_tasks;${LOCK_LEASE}
${STAMP_TASKS}
    UPDATE batch_schedule s SET fence = v_fence
    WHERE s.account_id = v_lease.account_id AND s.batch_id = v_lease.batch_id;
    IF v_open = 0 THEN
      DELETE FROM task_leases l
      WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence;
    ELSE
      UPDATE task_leases l
      SET fence = v_fence, open = v_open, worker_id = p_worker_id,
        lease_until = v_now + p_lease_ms * interval '1 millisecond'
      WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence;
      v_taken := v_taken + v_open;
      account_id := v_lease.account_id;
      batch_id := v_lease.batch_id;
      fence := v_fence;
      RETURN NEXT;
    END IF;
  END LOOP;
END
$$;
`,
};
