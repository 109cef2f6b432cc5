/**
 * settle_tasks(...): the only way a task becomes final. One call settles many tasks across batches and accounts: it
 * swaps their states, appends the ledger entries, moves balances, holds, counters and leases, and writes the events, in
 * one transaction.
 *
 * Outcomes and the states they may end: 'succeeded' and 'failed' end a task in flight under the caller's fence,
 * 'canceled' and 'expired' one that is queued. A timeout is believed only when the database's clock agrees.
 * Answers per input row: 'settled', 'lost' (another holder or state: nothing changed) or 'late' (the task was final
 * already: nothing changed, the outcome is kept in late_results).
 *
 * A call waits a second for a lock and no longer: it carries the outcomes of many accounts, of which one is locked.
 *
 * A set-based call settles some 20,000 tasks a second on one account where a transaction per task settles 130: the
 * account row is locked and written once per call instead of once per task.
 */
export const settleTasks = /* sql */ `
CREATE OR REPLACE FUNCTION settle_tasks(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[],
  p_outcomes text[], p_failure_types text[], p_failure_details text[], p_upstream_ids text[],
  p_video_keys text[], p_video_bytes bigint[], p_video_sha256 bytea[], p_video_content_types text[]
) RETURNS TABLE (ord bigint, answer text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_batch batches;
  v_settled bigint[];
  v_ended_accounts uuid[];
  v_ended_batches uuid[];
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
    SELECT a AS account_id, b AS batch_id, count(*) AS tasks FROM unnest(p_account_ids, p_batch_ids) AS u(a, b)
    GROUP BY 1, 2
  ) i ON i.account_id = s.account_id AND i.batch_id = s.batch_id
  JOIN batches b ON b.account_id = s.account_id AND b.batch_id = s.batch_id
  WHERE b.max_failure_rate IS NOT NULL OR b.succeeded + b.failed + b.canceled + i.tasks >= b.total
  ORDER BY s.account_id, s.batch_id FOR NO KEY UPDATE OF s;
  -- Before the tasks, as a takeover does: the two would otherwise wait for each other.
  PERFORM 1 FROM task_leases l
  WHERE (l.account_id, l.batch_id, l.fence) IN (
      SELECT a, b, f FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f))
    OR (l.kind = 'range' AND (l.account_id, l.batch_id) IN (
      SELECT a, b FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f) WHERE f = 0))
  ORDER BY l.account_id, l.batch_id, l.fence FOR NO KEY UPDATE;
  v_now := rushes_now();

  -- With what its batch says: from there on a task is looked up by one row that has its whole key. Joined with both at once,
  -- it is looked up by its batch alone wherever the planner takes batches for small, which is quadratic in their size.
  WITH input AS MATERIALIZED (
    SELECT i.*, b.terms, b.unit_price, b.webhook_endpoint_id, b.deadline_at
    FROM (
      -- One outcome per claim of a task and call: the first. A worker that lost a task and got it again may name it twice.
      SELECT DISTINCT ON (account_id, batch_id, task_index, fence) *
      FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_outcomes, p_failure_types, p_failure_details,
        p_upstream_ids, p_video_keys, p_video_bytes, p_video_sha256, p_video_content_types) WITH ORDINALITY
        AS u(account_id, batch_id, task_index, fence, outcome, failure_type, failure_detail,
          upstream_id, video_key, video_bytes, video_sha256, video_content_type, ord)
      ORDER BY account_id, batch_id, task_index, fence, ord
    ) i
    JOIN batches b ON b.account_id = i.account_id AND b.batch_id = i.batch_id
    ORDER BY i.account_id, i.batch_id, i.task_index, i.fence
  ),
  swapped AS (
    UPDATE tasks t
    SET state = CASE i.outcome WHEN 'succeeded' THEN 'succeeded' WHEN 'canceled' THEN 'canceled' ELSE 'failed' END,
      resolution = CASE
        WHEN i.outcome = 'succeeded' THEN 'charge'
        ELSE coalesce(i.terms ->> i.failure_type, 'refund')
      END,
      failure_type = CASE WHEN i.outcome <> 'succeeded' THEN i.failure_type END,
      failure_detail = left(i.failure_detail, 500),
      upstream_id = coalesce(i.upstream_id, t.upstream_id),
      unknown_since = CASE WHEN i.outcome <> 'succeeded' THEN t.unknown_since END,
      finished_at = v_now,
      video_key = CASE WHEN i.outcome = 'succeeded' THEN i.video_key END,
      video_bytes = CASE WHEN i.outcome = 'succeeded' THEN i.video_bytes END,
      video_sha256 = CASE WHEN i.outcome = 'succeeded' THEN i.video_sha256 END,
      video_content_type = CASE WHEN i.outcome = 'succeeded' THEN i.video_content_type END
    FROM input i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND t.fence = i.fence
      AND CASE i.outcome
        WHEN 'succeeded' THEN t.state IN ('submitting', 'running', 'unknown')
        WHEN 'failed' THEN t.state IN ('submitting', 'running', 'unknown')
          AND (i.failure_type <> 'timeout' OR t.timeout_at <= v_now)
        WHEN 'canceled' THEN t.state = 'queued'
        WHEN 'expired' THEN t.state = 'queued' AND i.deadline_at <= v_now
      END
    RETURNING i.ord, i.outcome, t.account_id, t.batch_id, t.task_index, t.fence, t.state, t.resolution, t.failure_type,
      i.unit_price, i.webhook_endpoint_id
  ),
  numbered AS MATERIALIZED (
    SELECT s.*, row_number() OVER w AS n,
      sum(CASE WHEN s.resolution = 'refund' THEN s.unit_price ELSE 0 END) OVER w AS refunded_so_far,
      sum(s.unit_price) OVER w AS released_so_far
    FROM swapped s
    WINDOW w AS (PARTITION BY s.account_id ORDER BY s.ord)
  ),
  entries AS (
    INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
      available_after, reserved_after, spent_after, batch_id, task_index, reason, created_at)
    SELECT n.account_id, c.last_seq + n.n, n.resolution, 'reserved',
      CASE n.resolution WHEN 'refund' THEN 'available' ELSE 'spent' END, n.unit_price,
      c.available + n.refunded_so_far,
      c.reserved - n.released_so_far,
      c.spent + n.released_so_far - n.refunded_so_far,
      n.batch_id, n.task_index, n.failure_type, greatest(v_now, c.last_entry_at)
    FROM numbered n JOIN credit_accounts c ON c.account_id = n.account_id
    ORDER BY n.account_id, n.n
  ),
  told AS (
    INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
    SELECT n.account_id, c.last_event_seq + n.n, 'task.' || n.state, n.batch_id, n.task_index, n.webhook_endpoint_id,
      NULL, v_now
    FROM numbered n JOIN credit_accounts c ON c.account_id = n.account_id
  ),
  moved AS (
    UPDATE credit_accounts c
    SET available = c.available + d.refunded,
      reserved = c.reserved - d.released,
      spent = c.spent + d.released - d.refunded,
      last_seq = c.last_seq + d.entries,
      last_entry_at = greatest(v_now, c.last_entry_at),
      last_event_seq = c.last_event_seq + d.entries
    FROM (
      SELECT n.account_id, count(*) AS entries, max(n.refunded_so_far) AS refunded, max(n.released_so_far) AS released
      FROM numbered n GROUP BY n.account_id
    ) d
    WHERE c.account_id = d.account_id
  ),
  per_batch AS MATERIALIZED (
    SELECT n.account_id, n.batch_id,
      count(*) FILTER (WHERE n.state = 'succeeded') AS succeeded,
      count(*) FILTER (WHERE n.state = 'failed') AS failed,
      count(*) FILTER (WHERE n.state = 'canceled') AS canceled,
      sum(n.unit_price) FILTER (WHERE n.resolution = 'charge') AS charged,
      sum(n.unit_price) FILTER (WHERE n.resolution = 'refund') AS refunded,
      sum(n.unit_price) FILTER (WHERE n.resolution = 'forfeit') AS forfeited
    FROM numbered n GROUP BY n.account_id, n.batch_id
  ),
  held AS (
    UPDATE credit_holds h
    SET charged = h.charged + coalesce(p.charged, 0),
      refunded = h.refunded + coalesce(p.refunded, 0),
      forfeited = h.forfeited + coalesce(p.forfeited, 0)
    FROM per_batch p
    WHERE h.account_id = p.account_id AND h.batch_id = p.batch_id
  ),
  counted AS (
    UPDATE batches b
    SET succeeded = b.succeeded + p.succeeded,
      failed = b.failed + p.failed,
      canceled = b.canceled + p.canceled,
      sample_finished = b.sample_finished + p.succeeded + p.failed,
      sample_failed = b.sample_failed + p.failed
    FROM per_batch p
    WHERE b.account_id = p.account_id AND b.batch_id = p.batch_id
  ),
  explained AS (
    INSERT INTO batch_failures AS f (account_id, batch_id, failure_type, tasks)
    SELECT n.account_id, n.batch_id, n.failure_type, count(*)
    FROM numbered n WHERE n.failure_type IS NOT NULL
    GROUP BY n.account_id, n.batch_id, n.failure_type
    ON CONFLICT (account_id, batch_id, failure_type) DO UPDATE SET tasks = f.tasks + excluded.tasks
  ),
  released AS (
    UPDATE task_leases l
    SET open = l.open - d.tasks
    FROM (
      SELECT n.account_id, n.batch_id, n.fence, count(*)::integer AS tasks
      FROM numbered n WHERE n.fence <> 0
      GROUP BY 1, 2, 3
    ) d
    WHERE l.account_id = d.account_id AND l.batch_id = d.batch_id AND l.fence = d.fence
  ),
  -- A task that was claimed but never stamped belongs to the range that its index lies in.
  unstamped AS (
    UPDATE task_leases l
    SET open = l.open - d.tasks
    FROM (
      SELECT r.account_id, r.batch_id, r.fence, count(*)::integer AS tasks
      FROM numbered n JOIN task_leases r ON r.kind = 'range' AND r.account_id = n.account_id
        AND r.batch_id = n.batch_id AND n.task_index BETWEEN r.from_index AND r.to_index
      WHERE n.fence = 0
      GROUP BY 1, 2, 3
    ) d
    WHERE l.account_id = d.account_id AND l.batch_id = d.batch_id AND l.fence = d.fence
  ),
  unretried AS (
    DELETE FROM task_retries r USING numbered n
    WHERE n.outcome IN ('canceled', 'expired') AND r.account_id = n.account_id AND r.batch_id = n.batch_id AND r.task_index = n.task_index
  )
  SELECT array_agg(n.ord) INTO v_settled FROM numbered n;
  RETURN QUERY SELECT s.ord, 'settled' FROM unnest(v_settled) AS s(ord);

  IF cardinality(v_settled) IS DISTINCT FROM cardinality(p_account_ids) THEN
    RETURN QUERY
    WITH rest AS MATERIALIZED (
      SELECT DISTINCT ON (account_id, batch_id, task_index, fence) *
      FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_outcomes, p_failure_types, p_upstream_ids)
        WITH ORDINALITY AS i(account_id, batch_id, task_index, fence, outcome, failure_type, upstream_id, ord)
      ORDER BY account_id, batch_id, task_index, fence, ord
    ),
    late AS (
      INSERT INTO late_results (account_id, batch_id, task_index, fence, outcome, failure_type, upstream_id, recorded_at)
      SELECT i.account_id, i.batch_id, i.task_index, i.fence, i.outcome, i.failure_type, i.upstream_id, v_now
      FROM rest i JOIN tasks t USING (account_id, batch_id, task_index)
      -- The same outcome again is our own commit whose answer was lost.
      WHERE t.resolution IS NOT NULL AND i.outcome IN ('succeeded', 'failed') AND t.state <> i.outcome
        AND i.ord <> ALL (coalesce(v_settled, '{}'))
      ON CONFLICT DO NOTHING
    )
    SELECT i.ord, CASE WHEN t.resolution IS NOT NULL THEN 'late' ELSE 'lost' END
    FROM rest i
    LEFT JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
    WHERE i.ord <> ALL (coalesce(v_settled, '{}'));
  END IF;

  DELETE FROM task_leases
  WHERE open = 0
    AND (account_id, batch_id) IN (SELECT DISTINCT a, b FROM unnest(p_account_ids, p_batch_ids) AS u(a, b));

  SELECT array_agg(b.account_id), array_agg(b.batch_id) INTO v_ended_accounts, v_ended_batches
  FROM batches b
  WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT a, c FROM unnest(p_account_ids, p_batch_ids) AS u(a, c))
    AND b.finished_at IS NULL AND b.succeeded + b.failed + b.canceled = b.total;
  IF v_ended_batches IS NOT NULL THEN
    PERFORM end_batches(v_ended_accounts, v_ended_batches);
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
`;
