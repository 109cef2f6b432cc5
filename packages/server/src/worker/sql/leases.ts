/** Renewing, taking over and giving up leases, and reading the tasks that belong to them. */
export const leases = /* sql */ `
-- From before what the tasks of a batch have in common was read once.
DROP FUNCTION IF EXISTS leased_tasks(uuid[], uuid[], bigint[]);

-- The unfinished tasks of some leases (numbered from 1), with all that is needed to go on with them from any
-- state. Times are given as milliseconds left on the database's clock, so that a worker's own wall clock never matters.
CREATE FUNCTION leased_tasks(p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[])
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

-- What the tasks of each lease have in common.
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

-- Extends every lease this worker still holds and returns them; what is missing was taken over.
CREATE OR REPLACE FUNCTION renew_leases(p_worker_id uuid, p_lease_ms integer)
RETURNS TABLE (account_id uuid, batch_id uuid, fence bigint, open integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_until timestamptz := rushes_now() + p_lease_ms * interval '1 millisecond';
BEGIN
  RETURN QUERY
  UPDATE task_leases l SET lease_until = v_until
  FROM (
    SELECT h.account_id, h.batch_id, h.fence FROM task_leases h
    WHERE h.worker_id = p_worker_id
    ORDER BY h.account_id, h.batch_id, h.fence FOR NO KEY UPDATE
  ) held
  WHERE l.account_id = held.account_id AND l.batch_id = held.batch_id AND l.fence = held.fence
  RETURNING l.account_id, l.batch_id, l.fence, l.open;
END
$$;

-- What a worker says of its tasks that only wait to be settled, in place of what it said before. What was said of leases
-- that are gone goes with it.
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

-- Ends a worker's leases at once: its own on shutdown, or those of a process known to be dead.
CREATE OR REPLACE FUNCTION void_leases(p_worker_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := rushes_now();
  v_voided bigint;
BEGIN
  UPDATE task_leases l SET lease_until = v_now
  FROM (
    SELECT h.account_id, h.batch_id, h.fence FROM task_leases h
    WHERE h.worker_id = p_worker_id AND h.lease_until > v_now
    ORDER BY h.account_id, h.batch_id, h.fence FOR NO KEY UPDATE
  ) held
  WHERE l.account_id = held.account_id AND l.batch_id = held.batch_id AND l.fence = held.fence;
  GET DIAGNOSTICS v_voided = ROW_COUNT;
  RETURN v_voided;
END
$$;

-- From before it knew of routes.
DROP FUNCTION IF EXISTS take_over_leases(uuid, integer, integer);

-- Takes over leases that ran out: a new fence on the lease and on every unfinished task of it, so that the old holder
-- loses each write that it still attempts. Submissions it had in the air become unknown.
-- p_routes are those that the worker serves, all when null. A lease of another route is left to a worker that can go on
-- with it, until it is as old as the timeout of what was submitted under it: then anybody may end its tasks.
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
  FOR v_lease IN
    -- The longest expired, each of which has a task; then in the order in which everyone locks.
    SELECT e.account_id, e.batch_id, e.fence, e.kind, e.from_index, e.to_index
    FROM (
      SELECT l.account_id, l.batch_id, l.fence, l.kind, l.from_index, l.to_index
      FROM task_leases l JOIN batch_schedule b ON b.account_id = l.account_id AND b.batch_id = l.batch_id
      WHERE l.lease_until <= v_now AND (p_routes IS NULL OR l.route = ANY (p_routes)
        OR l.lease_until + b.timeout_ms * interval '1 millisecond' <= v_now)
      ORDER BY l.lease_until LIMIT p_tasks
    ) e
    ORDER BY e.account_id, e.batch_id, e.from_index
  LOOP
    EXIT WHEN v_taken >= p_tasks;
    SELECT s.fence + 1 INTO v_fence FROM batch_schedule s
    WHERE s.account_id = v_lease.account_id AND s.batch_id = v_lease.batch_id
    FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    -- Renewed, settled or taken by another worker since it was listed?
    PERFORM 1 FROM task_leases l
    WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence
      AND l.lease_until <= v_now
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;

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
    SELECT count(*) INTO v_open FROM stamped;
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
`;
