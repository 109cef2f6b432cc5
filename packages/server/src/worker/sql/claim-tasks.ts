import type { SqlFunction } from '../../db/index.ts';

/** Locks the routes and sets `v_free`: the slots that are free of the worker and of the route. */
const FREE_SLOTS = /* sql */ `
  -- All routes, since an account's limit spans them.
  PERFORM 1 FROM dispatch_routes ORDER BY route FOR NO KEY UPDATE;
  v_now := rushes_now();
  v_until := v_now + p_lease_ms * interval '1 millisecond';
  SELECT coalesce(sum(l.open), 0) INTO v_busy FROM task_leases l WHERE l.route = p_route;
  -- Nothing runs upstream of what only waits to be settled; it counts against its account alone.
  SELECT v_busy - coalesce(sum(u.tasks), 0) INTO v_busy
  FROM unsettled_tasks u
  JOIN task_leases l ON l.account_id = u.account_id AND l.batch_id = u.batch_id AND l.fence = u.fence AND l.open = u.open
  WHERE l.route = p_route;
  SELECT least(p_slots, r.max_concurrent_tasks - v_busy), r.virtual_time INTO v_free, v_clock
  FROM dispatch_routes r WHERE r.route = p_route;
  IF v_free IS NULL OR v_free <= 0 THEN
    RETURN;
  END IF;`;

/** `candidates`: accounts with something to be sent, how much of it their limit allows, and their virtual times. */
const WANTING_ACCOUNTS = /* sql */ `
  wanting AS MATERIALIZED (
    SELECT w.account_id, a.weight, w.oldest, f.busy,
      least(w.tasks, a.max_concurrent_tasks - f.busy, v_free)::integer AS can_take,
      greatest(d.virtual_time, v_clock
        - greatest(0, (v_busy + v_free)::double precision / sum(a.weight) OVER () - f.busy::double precision / a.weight))
        AS start_time
    FROM (
      SELECT s.account_id, min(s.created_at) AS oldest, sum(s.total - s.cursor_index + r.due) AS tasks
      FROM batch_schedule s CROSS JOIN LATERAL (
        SELECT count(*) AS due FROM task_retries r
        WHERE v_has_retries AND r.account_id = s.account_id AND r.batch_id = s.batch_id AND r.due_at <= v_now
      ) r
      WHERE s.route = p_route AND NOT s.paused AND NOT s.closed AND s.deadline_at > v_now
        AND (s.cursor_index < s.total OR r.due > 0)
      GROUP BY 1
    ) w
    JOIN accounts a ON a.account_id = w.account_id
    LEFT JOIN dispatch_shares d ON d.account_id = w.account_id AND d.route = p_route
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(l.open), 0) AS busy FROM task_leases l WHERE l.account_id = w.account_id
    ) f
  ),
  -- A turn is never served before its account's first, so that no more accounts than slots can be.
  candidates AS MATERIALIZED (
    SELECT * FROM wanting c WHERE c.can_take > 0
    ORDER BY c.start_time, c.busy::double precision / c.weight, c.oldest, c.account_id LIMIT v_free
  )`;

/** `level`: the virtual time up to which turns are served. */
const WATER_LEVEL = /* sql */ `
  -- The virtual time that is reached when the free slots are handed out in shares however small, or null when all get what they
  -- want: an account takes slots at the rate of its weight, from its start until it is full. No turn that begins
  -- later is served. Without that bound every turn of every account would be put in order: 125,000 with 1,000 accounts that
  -- each want 2,000 slots.
  level AS MATERIALIZED (
    SELECT (v_free + s.moment) / nullif(s.rate, 0) AS virtual_time
    FROM (
      SELECT e.at, sum(e.weight) OVER w AS rate, sum(e.weight * e.at) OVER w AS moment
      FROM (
        SELECT c.start_time AS at, c.weight::double precision FROM candidates c
        UNION ALL
        SELECT c.start_time + c.can_take::double precision / c.weight, -c.weight::double precision FROM candidates c
      ) e
      WINDOW w AS (ORDER BY e.at)
    ) s
    WHERE s.rate * s.at - s.moment < v_free
    ORDER BY s.at DESC LIMIT 1
  )`;

/** `shares`: the slots that each account gets, turn by turn in the order of virtual time. */
const DEAL_TURNS = /* sql */ `
  turns AS (
    SELECT w.account_id, w.weight, t.size, w.start_time + t.before::double precision / w.weight AS start_time,
      sum(t.size) OVER (ORDER BY w.start_time + t.before::double precision / w.weight,
        (w.busy + t.before)::double precision / w.weight, w.oldest, w.account_id) - t.size AS served_before
    FROM candidates w CROSS JOIN level v CROSS JOIN LATERAL (
      SELECT k AS before, least(v_turn, w.can_take - k) AS size
      -- One turn more, for what floating point rounds off.
      FROM generate_series(0, least(w.can_take - 1, (v.virtual_time - w.start_time) * w.weight + v_turn)::integer, v_turn) AS k
    ) t
  ),
  shares AS (
    SELECT t.account_id, sum(least(t.size, v_free - t.served_before)) AS slots, max(t.start_time) AS last_start,
      min(t.start_time) AS start_time, t.weight
    FROM turns t WHERE t.served_before < v_free GROUP BY t.account_id, t.weight
  )`;

/** Locks the batches that are served, the oldest of each account first, and reads how far each is. */
const CHOOSE_BATCHES = /* sql */ `
  -- A batch that is being canceled or requeued right now is served by the next claim. Chosen before they are locked: looked
  -- up together, all of an account's batches may be gone through for each of them.
  WITH chosen AS MATERIALIZED (
    SELECT a.account_id, o.batch_id, o.slots, o.due
    FROM unnest(v_served, v_shares) AS a(account_id, share)
    CROSS JOIN LATERAL (
      SELECT q.batch_id, q.due, least(q.tasks, a.share - coalesce(sum(q.tasks) OVER (
          ORDER BY q.created_at, q.batch_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::integer AS slots
      FROM (
        SELECT b.batch_id, b.created_at, r.due, b.total - b.cursor_index + r.due AS tasks
        FROM batch_schedule b CROSS JOIN LATERAL (
          SELECT count(*) AS due FROM task_retries r
          WHERE v_has_retries AND r.account_id = b.account_id AND r.batch_id = b.batch_id AND r.due_at <= v_now
        ) r
        WHERE b.account_id = a.account_id AND b.route = p_route AND NOT b.paused AND NOT b.closed
          AND b.deadline_at > v_now AND (b.cursor_index < b.total OR r.due > 0)
      ) q
    ) o
    WHERE o.slots > 0
  )
  SELECT array_agg(p.account_id), array_agg(p.batch_id), array_agg(p.slots), array_agg(p.has_retries),
    array_agg(p.cursor_index), array_agg(p.total), array_agg(p.fence)
  INTO v_accounts, v_batches, v_slots, v_with_retries, v_cursors, v_totals, v_fences
  FROM (
    SELECT s.account_id, s.batch_id, c.slots, c.due > 0 AS has_retries, s.cursor_index, s.total, s.fence
    FROM chosen c
    JOIN batch_schedule s ON s.account_id = c.account_id AND s.batch_id = c.batch_id AND NOT s.closed AND NOT s.paused
    FOR NO KEY UPDATE OF s SKIP LOCKED
  ) p;`;

/** Moves on the virtual times of the accounts that were served. */
const ACCOUNT_FOR_SHARES = /* sql */ `
  -- What an account did not get, because its batch was locked, does not count as served; it counts as one task, so that the
  -- next claim does not wait for it again.
  INSERT INTO dispatch_shares AS d (account_id, route, virtual_time)
  SELECT s.account_id, p_route, min(s.start_time) + greatest(1, sum(s.slots))::double precision / min(s.weight)
  FROM (
    SELECT u.account_id, u.start_time, u.weight, 0 AS slots
    FROM unnest(v_served, v_starts, v_weights) AS u(account_id, start_time, weight)
    UNION ALL
    SELECT g.account_id, NULL, NULL, g.slots FROM unnest(v_accounts, v_slots) AS g(account_id, slots)
  ) s
  GROUP BY s.account_id
  ON CONFLICT (account_id, route) DO UPDATE SET virtual_time = excluded.virtual_time;`;

/** Leases of tasks that are due again. */
const TAKE_RETRIES = /* sql */ `
  FOR i IN 1 .. coalesce(cardinality(v_batches), 0) LOOP
    CONTINUE WHEN NOT v_with_retries[i];
    WITH taken AS (
      DELETE FROM task_retries r
      WHERE r.account_id = v_accounts[i] AND r.batch_id = v_batches[i]
        AND r.task_index IN (
          SELECT d.task_index FROM task_retries d
          WHERE d.account_id = v_accounts[i] AND d.batch_id = v_batches[i] AND d.due_at <= v_now
          ORDER BY d.due_at, d.task_index LIMIT v_slots[i])
      RETURNING r.task_index
    ),
    stamped AS (
      UPDATE tasks t SET fence = v_fences[i] + 1
      FROM taken
      WHERE t.account_id = v_accounts[i] AND t.batch_id = v_batches[i] AND t.task_index = taken.task_index
        AND t.state = 'queued'
      RETURNING t.task_index
    )
    SELECT array_agg(task_index ORDER BY task_index) INTO v_retries FROM stamped;
    CONTINUE WHEN v_retries IS NULL;
    v_fences[i] := v_fences[i] + 1;
    v_slots[i] := v_slots[i] - cardinality(v_retries);
    INSERT INTO task_leases (account_id, batch_id, fence, kind, from_index, to_index, open, route, worker_id, lease_until)
    VALUES (v_accounts[i], v_batches[i], v_fences[i], 'retry', v_retries[1], v_retries[cardinality(v_retries)],
      cardinality(v_retries), p_route, p_worker_id, v_until);
    account_id := v_accounts[i];
    batch_id := v_batches[i];
    fence := v_fences[i];
    RETURN NEXT;
  END LOOP;`;

/** Leases of ranges off the cursors. */
const TAKE_RANGES = /* sql */ `
  RETURN QUERY
  WITH fresh AS MATERIALIZED (
    SELECT i.account_id, i.batch_id, i.fence, i.cursor_index, least(i.slots, i.total - i.cursor_index) AS tasks
    FROM unnest(v_accounts, v_batches, v_slots, v_cursors, v_totals, v_fences)
      AS i(account_id, batch_id, slots, cursor_index, total, fence)
  ),
  moved AS (
    UPDATE batch_schedule s
    SET cursor_index = f.cursor_index + f.tasks, fence = f.fence + CASE WHEN f.tasks > 0 THEN 1 ELSE 0 END
    FROM fresh f WHERE s.account_id = f.account_id AND s.batch_id = f.batch_id
  )
  INSERT INTO task_leases AS l (account_id, batch_id, fence, kind, from_index, to_index, open, route, worker_id,
    lease_until)
  SELECT f.account_id, f.batch_id, f.fence + 1, 'range', f.cursor_index, f.cursor_index + f.tasks - 1, f.tasks, p_route,
    p_worker_id, v_until
  FROM fresh f WHERE f.tasks > 0
  RETURNING l.account_id, l.batch_id, l.fence;`;

/**
 * Each task that is handed out moves its account's virtual time on by 1 / weight, and slots go to the smallest virtual times
 * first. An account that comes back begins at the route's virtual time, set back by what it lacks of its share of the tasks in
 * flight, so that a small batch is served from the next free slot on. Counting tasks in flight alone would starve light
 * accounts wherever there are fewer slots than accounts. Within an account the oldest batch comes first. Where many slots are
 * free they are dealt in turns of up to 16, so that many small batches do not fall into leases of one task each: half the cost
 * of claiming and settling them.
 *
 * The cost depends on unfinished batches and leases only, not on history. Accounts and batches are looked up by key and never
 * joined set against set, since the planner cannot know how many there are: 1,000 accounts with a batch of ten cost 56 ms a
 * claim that way.
 */
export const claimTasks: SqlFunction = {
  name: 'claim_tasks',
  comment: `
    Gives a worker as many tasks of a route as its free slots and the limits of the route and of each account allow, as
    ranges with a lease. The limits are exact: the route rows are locked first, so only one claim runs at a time, and
    the tasks in flight are the sum of open over the leases. Slots are shared by weight, and every account gets some:
    start-time fair queueing (Goyal, Vin, Cheng 1996).`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION claim_tasks(p_worker_id uuid, p_route text, p_slots integer, p_lease_ms integer)
RETURNS TABLE (account_id uuid, batch_id uuid, fence bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_until timestamptz;
  v_busy bigint;
  v_free bigint;
  v_clock double precision;
  v_served uuid[];
  v_shares bigint[];
  v_turn integer;
  v_has_retries boolean;
  v_starts double precision[];
  v_weights integer[];
  v_accounts uuid[];
  v_batches uuid[];
  v_slots integer[];
  v_with_retries boolean[];
  v_cursors integer[];
  v_totals integer[];
  v_fences bigint[];
  v_retries integer[];
BEGIN${FREE_SLOTS}

  v_turn := greatest(1, least(16, v_free / 32));
  -- Mostly there are none, and then no batch needs to be asked for its own.
  v_has_retries := EXISTS (SELECT FROM task_retries);
  WITH${WANTING_ACCOUNTS},${WATER_LEVEL},${DEAL_TURNS}
  SELECT array_agg(s.account_id), array_agg(s.slots), array_agg(s.start_time), array_agg(s.weight),
    greatest(v_clock, max(s.last_start))
  INTO v_served, v_shares, v_starts, v_weights, v_clock
  FROM shares s;
  IF v_served IS NULL THEN
    RETURN;
  END IF;

${CHOOSE_BATCHES}
${ACCOUNT_FOR_SHARES}
${TAKE_RETRIES}
${TAKE_RANGES}
  UPDATE dispatch_routes SET virtual_time = v_clock WHERE route = p_route;
END
$$;
`,
};
