/**
 * settle_tasks(...): the only way a task becomes final. One call settles many tasks across batches and accounts: it
 * swaps their states, appends the ledger entries, moves balances, holds, counters and leases, and writes the events, in
 * one transaction.
 *
 * The claims that the tasks stand under are given once (account, batch and fence; fence 0 for tasks never stamped), and each
 * task by its claim's place among them. What a claim's account and batch say is read once into arrays that are then
 * subscripted by that place: read, sorted or joined for each task it was half of the work.
 *
 * Outcomes and the states they may end: 'succeeded' and 'failed' end a task in flight under the caller's fence,
 * 'canceled' and 'expired' one that is queued. A timeout is believed only when the database's clock agrees.
 * One row for each answer with the places of its tasks, null for all of them: 'settled', 'lost' (another holder or state:
 * nothing changed) or 'late' (the task was final already: nothing changed, the outcome is kept in late_results).
 *
 * A call waits a second for a lock and no longer: it carries the outcomes of many accounts, of which one is locked.
 *
 * A set-based call settles some 40,000 tasks a second on one account where a transaction per task settles 130: the
 * account row is locked and written once per call instead of once per task.
 */
export const settleTasks = /* sql */ `
CREATE OR REPLACE FUNCTION settle_tasks(
  p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[],
  p_claims integer[], p_task_indexes integer[],
  p_outcomes text[], p_failure_types text[], p_failure_details text[], p_upstream_ids text[],
  p_video_keys text[], p_video_bytes bigint[], p_video_sha256 bytea[], p_video_content_types text[]
) RETURNS TABLE (answer text, places integer[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_batch batches;
  v_is_guarded boolean;
  v_settled integer[];
  v_rest integer[];
  v_ended_accounts uuid[];
  v_ended_batches uuid[];
  v_ended_seqs bigint[];
  -- Of each claim. The numbers of its account and batch follow the order in which everyone locks.
  v_account_numbers integer[];
  v_batch_numbers integer[];
  v_terms jsonb[];
  v_prices bigint[];
  v_endpoints uuid[];
  v_deadlines timestamptz[];
  v_open integer[];
  v_seqs bigint[];
  v_event_seqs bigint[];
  v_entry_times timestamptz[];
  v_available bigint[];
  v_reserved bigint[];
  v_spent bigint[];
BEGIN
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
  v_now := rushes_now();

  SELECT array_agg(d.account_number ORDER BY d.claim), array_agg(d.batch_number ORDER BY d.claim),
    array_agg(d.terms ORDER BY d.claim), array_agg(d.unit_price ORDER BY d.claim),
    array_agg(d.webhook_endpoint_id ORDER BY d.claim), array_agg(d.deadline_at ORDER BY d.claim),
    array_agg(d.last_seq ORDER BY d.claim), array_agg(d.last_event_seq ORDER BY d.claim),
    array_agg(d.entry_at ORDER BY d.claim), array_agg(d.available ORDER BY d.claim),
    array_agg(d.reserved ORDER BY d.claim),
    array_agg(d.spent ORDER BY d.claim), array_agg(d.open ORDER BY d.claim), coalesce(bool_or(d.is_guarded), false)
  INTO v_account_numbers, v_batch_numbers, v_terms, v_prices, v_endpoints, v_deadlines, v_seqs, v_event_seqs, v_entry_times,
    v_available, v_reserved, v_spent, v_open, v_is_guarded
  FROM (
    SELECT u.claim, b.terms, b.unit_price, b.webhook_endpoint_id, b.deadline_at,
      b.total - b.succeeded - b.failed - b.canceled AS open, b.max_failure_rate IS NOT NULL AS is_guarded,
      c.last_seq, c.last_event_seq, greatest(v_now, c.last_entry_at) AS entry_at, c.available, c.reserved, c.spent,
      dense_rank() OVER (ORDER BY u.account_id)::integer AS account_number,
      dense_rank() OVER (ORDER BY u.account_id, u.batch_id)::integer AS batch_number
    FROM unnest(p_account_ids, p_batch_ids) WITH ORDINALITY AS u(account_id, batch_id, claim)
    LEFT JOIN batches b ON b.account_id = u.account_id AND b.batch_id = u.batch_id
    LEFT JOIN credit_accounts c ON c.account_id = u.account_id
  ) d;

  -- An update skips a row that it has changed itself, so of two outcomes of one claim of a task the first counts. A worker that
  -- lost a task and got it again may name it twice.
  WITH swapped AS (
    UPDATE tasks t
    SET state = CASE i.outcome WHEN 'succeeded' THEN 'succeeded' WHEN 'canceled' THEN 'canceled' ELSE 'failed' END,
      resolution = CASE
        WHEN i.outcome = 'succeeded' THEN 'charge'
        ELSE coalesce(v_terms[i.claim] ->> i.failure_type, 'refund')
      END,
      failure_type = CASE WHEN i.outcome <> 'succeeded' THEN i.failure_type END,
      failure_detail = left(p_failure_details[i.place], 500),
      upstream_id = coalesce(p_upstream_ids[i.place], t.upstream_id),
      unknown_since = CASE WHEN i.outcome <> 'succeeded' THEN t.unknown_since END,
      finished_at = v_now,
      video_key = CASE WHEN i.outcome = 'succeeded' THEN p_video_keys[i.place] END,
      video_bytes = CASE WHEN i.outcome = 'succeeded' THEN p_video_bytes[i.place] END,
      video_sha256 = CASE WHEN i.outcome = 'succeeded' THEN p_video_sha256[i.place] END,
      video_content_type = CASE WHEN i.outcome = 'succeeded' THEN p_video_content_types[i.place] END
    FROM (
      SELECT s.claim, s.task_index, s.place::integer AS place, p_account_ids[s.claim] AS account_id,
        p_batch_ids[s.claim] AS batch_id, p_fences[s.claim] AS fence, p_outcomes[s.place] AS outcome,
        p_failure_types[s.place] AS failure_type
      FROM (
        SELECT * FROM unnest(p_claims, p_task_indexes) WITH ORDINALITY AS u(claim, task_index, place)
        ORDER BY v_batch_numbers[u.claim], u.task_index, u.place
      ) s
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND t.fence = i.fence
      AND CASE i.outcome
        WHEN 'succeeded' THEN t.state IN ('submitting', 'running', 'unknown')
        WHEN 'failed' THEN t.state IN ('submitting', 'running', 'unknown')
          AND (i.failure_type <> 'timeout' OR t.timeout_at <= v_now)
        WHEN 'canceled' THEN t.state = 'queued'
        WHEN 'expired' THEN t.state = 'queued' AND v_deadlines[i.claim] <= v_now
      END
    RETURNING i.place, i.claim, t.task_index, t.state, t.resolution, t.failure_type
  ),
  numbered AS MATERIALIZED (
    SELECT s.*, row_number() OVER w AS n,
      sum(CASE WHEN s.resolution = 'refund' THEN v_prices[s.claim] ELSE 0 END) OVER w AS refunded_so_far,
      sum(v_prices[s.claim]) OVER w AS released_so_far
    FROM swapped s
    WINDOW w AS (PARTITION BY v_account_numbers[s.claim] ORDER BY v_batch_numbers[s.claim], s.task_index ROWS UNBOUNDED PRECEDING)
  ),
  entries AS (
    INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
      available_after, reserved_after, spent_after, batch_id, task_index, reason, created_at)
    SELECT p_account_ids[n.claim], v_seqs[n.claim] + n.n, n.resolution, 'reserved',
      CASE n.resolution WHEN 'refund' THEN 'available' ELSE 'spent' END, v_prices[n.claim],
      v_available[n.claim] + n.refunded_so_far,
      v_reserved[n.claim] - n.released_so_far,
      v_spent[n.claim] + n.released_so_far - n.refunded_so_far,
      p_batch_ids[n.claim], n.task_index, n.failure_type, v_entry_times[n.claim]
    FROM numbered n
  ),
  told AS (
    INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
    SELECT p_account_ids[n.claim], v_event_seqs[n.claim] + n.n, 'task.' || n.state, p_batch_ids[n.claim], n.task_index,
      v_endpoints[n.claim], NULL, v_now
    FROM numbered n
  ),
  per_claim AS MATERIALIZED (
    SELECT n.claim, n.state, n.resolution, n.failure_type, count(*) AS tasks
    FROM numbered n GROUP BY 1, 2, 3, 4
  ),
  per_batch AS MATERIALIZED (
    SELECT p_account_ids[p.claim] AS account_id, p_batch_ids[p.claim] AS batch_id, min(v_event_seqs[p.claim]) AS last_event_seq,
      sum(p.tasks) = min(v_open[p.claim]) AS ends, sum(p.tasks) AS tasks,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'succeeded'), 0) AS succeeded,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'failed'), 0) AS failed,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'canceled'), 0) AS canceled,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'charge'), 0) AS charged,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'refund'), 0) AS refunded,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'forfeit'), 0) AS forfeited
    FROM per_claim p GROUP BY 1, 2
  ),
  moved AS (
    UPDATE credit_accounts c
    SET available = c.available + d.refunded,
      reserved = c.reserved - d.released,
      spent = c.spent + d.released - d.refunded,
      last_seq = c.last_seq + d.entries,
      last_entry_at = greatest(v_now, c.last_entry_at),
      last_event_seq = c.last_event_seq + d.entries + d.ended
    FROM (
      SELECT p.account_id, sum(p.tasks) AS entries, sum(p.refunded) AS refunded,
        sum(p.charged + p.refunded + p.forfeited) AS released, count(*) FILTER (WHERE p.ends) AS ended
      FROM per_batch p GROUP BY 1
    ) d
    WHERE c.account_id = d.account_id
  ),
  held AS (
    -- The CHECK of a closed hold refuses this when anything of it is still unresolved.
    UPDATE credit_holds h
    SET charged = h.charged + p.charged, refunded = h.refunded + p.refunded, forfeited = h.forfeited + p.forfeited,
      state = CASE WHEN p.ends THEN 'closed' ELSE h.state END
    FROM per_batch p
    WHERE h.account_id = p.account_id AND h.batch_id = p.batch_id
  ),
  counted AS (
    UPDATE batches b
    SET succeeded = b.succeeded + p.succeeded,
      failed = b.failed + p.failed,
      canceled = b.canceled + p.canceled,
      sample_finished = b.sample_finished + p.succeeded + p.failed,
      sample_failed = b.sample_failed + p.failed,
      status = CASE
        WHEN p.ends THEN batch_end_status(b.total, (b.succeeded + p.succeeded)::bigint, (b.canceled + p.canceled)::bigint)
        ELSE b.status
      END,
      paused = b.paused AND NOT p.ends,
      finished_at = CASE WHEN p.ends THEN v_now END
    FROM per_batch p
    WHERE b.account_id = p.account_id AND b.batch_id = p.batch_id
  ),
  unscheduled AS (
    DELETE FROM batch_schedule s USING per_batch p
    WHERE p.ends AND s.account_id = p.account_id AND s.batch_id = p.batch_id
  ),
  -- Behind the events of the account's tasks.
  ended AS (
    SELECT array_agg(e.account_id) AS account_ids, array_agg(e.batch_id) AS batch_ids, array_agg(e.seq) AS seqs
    FROM (
      SELECT p.account_id, p.batch_id, p.ends, p.last_event_seq
        + sum(p.tasks) OVER (PARTITION BY p.account_id)
        + count(*) FILTER (WHERE p.ends) OVER (PARTITION BY p.account_id ORDER BY p.batch_id) AS seq
      FROM per_batch p
    ) e
    WHERE e.ends
  ),
  explained AS (
    INSERT INTO batch_failures AS f (account_id, batch_id, failure_type, tasks)
    SELECT p_account_ids[p.claim], p_batch_ids[p.claim], p.failure_type, sum(p.tasks)
    FROM per_claim p WHERE p.failure_type IS NOT NULL
    GROUP BY 1, 2, 3
    ON CONFLICT (account_id, batch_id, failure_type) DO UPDATE SET tasks = f.tasks + excluded.tasks
  ),
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
  )
  SELECT (SELECT array_agg(n.place) FROM numbered n), e.account_ids, e.batch_ids, e.seqs
  INTO v_settled, v_ended_accounts, v_ended_batches, v_ended_seqs FROM ended e;

  answer := 'settled';
  IF cardinality(v_settled) = cardinality(p_claims) THEN
    RETURN NEXT;
  ELSE
    IF v_settled IS NOT NULL THEN
      places := v_settled;
      RETURN NEXT;
    END IF;
    -- Of a task named twice under one claim the first is answered.
    v_rest := ARRAY(
      SELECT min(u.place)::integer FROM unnest(p_claims, p_task_indexes) WITH ORDINALITY AS u(claim, task_index, place)
      GROUP BY u.claim, u.task_index
      EXCEPT SELECT unnest(v_settled));
    RETURN QUERY
    WITH rest AS MATERIALIZED (
      SELECT r.place, p_account_ids[p_claims[r.place]] AS account_id, p_batch_ids[p_claims[r.place]] AS batch_id,
        p_task_indexes[r.place] AS task_index, p_fences[p_claims[r.place]] AS fence, p_outcomes[r.place] AS outcome
      FROM unnest(v_rest) AS r(place)
    ),
    late AS (
      INSERT INTO late_results (account_id, batch_id, task_index, fence, outcome, failure_type, upstream_id, recorded_at)
      SELECT i.account_id, i.batch_id, i.task_index, i.fence, i.outcome, p_failure_types[i.place], p_upstream_ids[i.place],
        v_now
      FROM rest i JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      -- The same outcome again is our own commit whose answer was lost.
      WHERE t.resolution IS NOT NULL AND i.outcome IN ('succeeded', 'failed') AND t.state <> i.outcome
      ON CONFLICT DO NOTHING
    )
    SELECT CASE WHEN t.resolution IS NOT NULL THEN 'late' ELSE 'lost' END, array_agg(i.place)
    FROM rest i
    LEFT JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
    GROUP BY 1;
  END IF;

  IF v_ended_batches IS NOT NULL THEN
    -- A lease that outlived its last task would take a slot for ever.
    DELETE FROM task_leases l USING unnest(v_ended_accounts, v_ended_batches) AS i(account_id, batch_id)
    WHERE l.account_id = i.account_id AND l.batch_id = i.batch_id;
    PERFORM write_batch_events(v_ended_accounts, v_ended_batches, v_ended_seqs, NULL, NULL);
  END IF;
  IF NOT v_is_guarded THEN
    RETURN;
  END IF;

  FOR v_batch IN
    SELECT b.* FROM batches b
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT a, c FROM unnest(p_account_ids, p_batch_ids) AS u(a, c))
      AND b.finished_at IS NULL AND NOT b.paused
      AND b.sample_finished >= 20 AND b.sample_failed > b.max_failure_rate * b.sample_finished
    ORDER BY b.account_id, b.batch_id
  LOOP
    PERFORM pause_batch(v_batch.account_id, v_batch.batch_id, 'max_failure_rate');
  END LOOP;
END
$$;

-- For workers from before claims were given once: each task with its own. Answers per task.
CREATE OR REPLACE FUNCTION settle_tasks(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[],
  p_outcomes text[], p_failure_types text[], p_failure_details text[], p_upstream_ids text[],
  p_video_keys text[], p_video_bytes bigint[], p_video_sha256 bytea[], p_video_content_types text[]
) RETURNS TABLE (ord bigint, answer text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_accounts uuid[];
  v_batches uuid[];
  v_fences bigint[];
  v_claims integer[];
BEGIN
  SELECT array_agg(n.claim ORDER BY n.ord) INTO v_claims FROM (
    SELECT u.ord, dense_rank() OVER (ORDER BY u.a, u.b, u.f)::integer AS claim
    FROM unnest(p_account_ids, p_batch_ids, p_fences) WITH ORDINALITY AS u(a, b, f, ord)
  ) n;
  SELECT array_agg(d.a ORDER BY d.a, d.b, d.f), array_agg(d.b ORDER BY d.a, d.b, d.f), array_agg(d.f ORDER BY d.a, d.b, d.f)
  INTO v_accounts, v_batches, v_fences
  FROM (SELECT DISTINCT u.a, u.b, u.f FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f)) d;
  RETURN QUERY
  SELECT p.place::bigint, s.answer
  FROM settle_tasks(v_accounts, v_batches, v_fences, v_claims, p_task_indexes, p_outcomes, p_failure_types,
    p_failure_details, p_upstream_ids, p_video_keys, p_video_bytes, p_video_sha256, p_video_content_types) s
  CROSS JOIN LATERAL unnest(coalesce(s.places, ARRAY(SELECT generate_series(1, cardinality(v_claims))))) AS p(place);
END
$$;
`;
