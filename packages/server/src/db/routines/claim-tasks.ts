/**
 * claim_tasks(worker, route, slots, lease): hands a worker as many tasks of a route as its free slots, the route's and
 * each account's limit allow, as ranges under a lease.
 *
 * Exact limits: the route rows are locked first, so claims follow one another; what is in flight is the sum of `open`
 * over a lease table that is never larger than the number of tasks in flight.
 * Fair: each slot goes to the account with the smallest (in flight + 1) / weight, the account that was served longest
 * ago first among equals; within an account the oldest batch first.
 * The cost depends on unfinished batches and leases only, not on history.
 */
export const claimTasks = /* sql */ `
CREATE OR REPLACE FUNCTION claim_tasks(p_worker_id uuid, p_route text, p_slots integer, p_lease_ms integer)
RETURNS TABLE (account_id uuid, batch_id uuid, fence bigint, starts_batch boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_free bigint;
  v_pick record;
  v_retries integer[];
  v_fresh integer;
  v_cursor integer;
  v_total integer;
  v_fence bigint;
BEGIN
  -- All routes, since an account's limit spans them.
  PERFORM 1 FROM dispatch_routes ORDER BY route FOR NO KEY UPDATE;
  v_now := rushes_now();
  SELECT least(p_slots, r.max_concurrent_tasks
    - (SELECT coalesce(sum(l.open), 0) FROM task_leases l WHERE l.route = p_route))
  INTO v_free
  FROM dispatch_routes r WHERE r.route = p_route;
  IF v_free IS NULL OR v_free <= 0 THEN
    RETURN;
  END IF;

  FOR v_pick IN
    WITH due AS (
      SELECT r.account_id, r.batch_id, count(*) AS tasks
      FROM task_retries r WHERE r.due_at <= v_now GROUP BY 1, 2
    ),
    work AS (
      SELECT s.account_id, s.batch_id, s.created_at, coalesce(due.tasks, 0) AS retries,
        s.total - s.cursor_index + coalesce(due.tasks, 0) AS tasks
      FROM batch_schedule s LEFT JOIN due ON due.account_id = s.account_id AND due.batch_id = s.batch_id
      WHERE s.route = p_route AND NOT s.paused AND NOT s.closed AND s.deadline_at > v_now
        AND (s.cursor_index < s.total OR due.tasks > 0)
    ),
    in_flight AS (
      SELECT l.account_id, sum(l.open) AS tasks FROM task_leases l GROUP BY 1
    ),
    wanting AS (
      SELECT w.account_id, a.weight, coalesce(f.tasks, 0) AS busy, min(w.created_at) AS oldest,
        least(sum(w.tasks), a.max_concurrent_tasks - coalesce(f.tasks, 0), v_free) AS can_take
      FROM work w JOIN accounts a ON a.account_id = w.account_id
      LEFT JOIN in_flight f ON f.account_id = w.account_id
      GROUP BY w.account_id, a.weight, a.max_concurrent_tasks, f.tasks
    ),
    slots AS (
      SELECT w.account_id FROM wanting w CROSS JOIN LATERAL generate_series(1, w.can_take) AS k
      ORDER BY (w.busy + k)::double precision / w.weight, w.oldest, w.account_id
      LIMIT v_free
    ),
    shares AS (
      SELECT s.account_id, count(*) AS slots FROM slots s GROUP BY 1
    ),
    spread AS (
      SELECT w.account_id, w.batch_id, w.retries, w.created_at,
        least(w.tasks, s.slots - coalesce(sum(w.tasks) OVER (
          PARTITION BY w.account_id ORDER BY w.created_at, w.batch_id
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS slots
      FROM work w JOIN shares s ON s.account_id = w.account_id
    )
    SELECT p.account_id, p.batch_id, p.retries, p.slots::integer AS slots
    FROM spread p WHERE p.slots > 0
    ORDER BY p.created_at, p.account_id, p.batch_id
  LOOP
    -- A batch that is being canceled or requeued right now is served by the next claim.
    SELECT s.cursor_index, s.total, s.fence INTO v_cursor, v_total, v_fence
    FROM batch_schedule s
    WHERE s.account_id = v_pick.account_id AND s.batch_id = v_pick.batch_id AND NOT s.closed AND NOT s.paused
    FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;

    v_retries := NULL;
    IF v_pick.retries > 0 THEN
      WITH taken AS (
        DELETE FROM task_retries r
        WHERE r.account_id = v_pick.account_id AND r.batch_id = v_pick.batch_id
          AND r.task_index IN (
            SELECT d.task_index FROM task_retries d
            WHERE d.account_id = v_pick.account_id AND d.batch_id = v_pick.batch_id AND d.due_at <= v_now
            ORDER BY d.due_at, d.task_index LIMIT v_pick.slots)
        RETURNING r.task_index
      ),
      stamped AS (
        UPDATE tasks t SET fence = v_fence + 1
        FROM taken
        WHERE t.account_id = v_pick.account_id AND t.batch_id = v_pick.batch_id AND t.task_index = taken.task_index
          AND t.state = 'queued'
        RETURNING t.task_index
      )
      SELECT array_agg(task_index ORDER BY task_index) INTO v_retries FROM stamped;
      IF v_retries IS NOT NULL THEN
        v_fence := v_fence + 1;
        INSERT INTO task_leases (account_id, batch_id, fence, kind, from_index, to_index, open, route, worker_id,
          lease_until)
        VALUES (v_pick.account_id, v_pick.batch_id, v_fence, 'retry', v_retries[1],
          v_retries[cardinality(v_retries)], cardinality(v_retries), p_route, p_worker_id,
          v_now + p_lease_ms * interval '1 millisecond');
        account_id := v_pick.account_id;
        batch_id := v_pick.batch_id;
        fence := v_fence;
        starts_batch := false;
        RETURN NEXT;
      END IF;
    END IF;

    v_fresh := least(v_pick.slots - coalesce(cardinality(v_retries), 0), v_total - v_cursor);
    IF v_fresh > 0 THEN
      v_fence := v_fence + 1;
      INSERT INTO task_leases (account_id, batch_id, fence, kind, from_index, to_index, open, route, worker_id,
        lease_until)
      VALUES (v_pick.account_id, v_pick.batch_id, v_fence, 'range', v_cursor, v_cursor + v_fresh - 1, v_fresh, p_route,
        p_worker_id, v_now + p_lease_ms * interval '1 millisecond');
      account_id := v_pick.account_id;
      batch_id := v_pick.batch_id;
      fence := v_fence;
      starts_batch := v_cursor = 0;
      RETURN NEXT;
    END IF;

    UPDATE batch_schedule s SET cursor_index = v_cursor + greatest(v_fresh, 0), fence = v_fence
    WHERE s.account_id = v_pick.account_id AND s.batch_id = v_pick.batch_id;
  END LOOP;
END
$$;
`;
