/**
 * Start, pause, resume, cancel and expire a batch. Each takes the account row first, then the hold, then the
 * schedule row (which keeps claims away), and only then touches tasks.
 */
export const batchControl = /* sql */ `
-- Marks batches as processing, with their event, the first time something of them is about to be sent.
CREATE OR REPLACE FUNCTION start_batches(p_account_ids uuid[], p_batch_ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  v_accounts uuid[];
  v_batches uuid[];
  v_now timestamptz;
BEGIN
  PERFORM 1 FROM credit_accounts
  WHERE account_id IN (SELECT DISTINCT unnest(p_account_ids))
  ORDER BY account_id FOR NO KEY UPDATE;
  v_now := rushes_now();
  WITH started AS (
    UPDATE batches b SET status = 'processing', started_at = v_now
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT a, c FROM unnest(p_account_ids, p_batch_ids) AS u(a, c))
      AND b.status = 'queued'
    RETURNING b.account_id, b.batch_id
  )
  SELECT array_agg(s.account_id), array_agg(s.batch_id) INTO v_accounts, v_batches FROM started s;
  IF v_batches IS NOT NULL THEN
    PERFORM append_batch_events(v_accounts, v_batches, NULL, NULL);
  END IF;
END
$$;

-- Returns 'paused', 'already_paused' or 'final'. Nothing new is claimed; what runs goes on.
CREATE OR REPLACE FUNCTION pause_batch(p_account_id uuid, p_batch_id uuid, p_reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_batch batches;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO v_batch FROM batches WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF v_batch.finished_at IS NOT NULL OR v_batch.cancel_requested_at IS NOT NULL THEN
    RETURN 'final';
  END IF;
  IF v_batch.paused THEN
    RETURN 'already_paused';
  END IF;
  UPDATE batch_schedule SET paused = true WHERE account_id = p_account_id AND batch_id = p_batch_id;
  UPDATE batches SET paused = true WHERE account_id = p_account_id AND batch_id = p_batch_id;
  PERFORM append_batch_events(ARRAY[p_account_id], ARRAY[p_batch_id], 'batch.paused', p_reason);
  RETURN 'paused';
END
$$;

-- Returns 'resumed', 'not_paused' or 'final'. A new sample of the failure rate begins.
CREATE OR REPLACE FUNCTION resume_batch(p_account_id uuid, p_batch_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_batch batches;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO v_batch FROM batches WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF v_batch.finished_at IS NOT NULL OR v_batch.cancel_requested_at IS NOT NULL THEN
    RETURN 'final';
  END IF;
  IF NOT v_batch.paused THEN
    RETURN 'not_paused';
  END IF;
  UPDATE batch_schedule SET paused = false WHERE account_id = p_account_id AND batch_id = p_batch_id;
  UPDATE batches SET paused = false, sample_finished = 0, sample_failed = 0
  WHERE account_id = p_account_id AND batch_id = p_batch_id;
  RETURN 'resumed';
END
$$;

-- Ends every queued task of a batch: 'canceled' (the customer's wish) or 'expired' (its deadline). Returns how many
-- ended. Tasks in flight go on to their own outcome, and are not tried again.
CREATE OR REPLACE FUNCTION close_batch(p_account_id uuid, p_batch_id uuid, p_outcome text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_indexes integer[];
  v_claims integer[];
  v_fences bigint[];
  v_failure_type text := CASE p_outcome WHEN 'canceled' THEN 'canceled' WHEN 'expired' THEN 'timeout' END;
  v_closed bigint := 0;
BEGIN
  IF v_failure_type IS NULL THEN
    RAISE EXCEPTION 'a batch is closed as canceled or expired, not %', p_outcome
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  PERFORM 1 FROM credit_holds WHERE account_id = p_account_id AND batch_id = p_batch_id FOR NO KEY UPDATE;
  UPDATE batch_schedule SET closed = true
  WHERE account_id = p_account_id AND batch_id = p_batch_id AND (p_outcome = 'canceled' OR deadline_at <= rushes_now());
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  IF p_outcome = 'canceled' THEN
    UPDATE batches b SET cancel_requested_at = n.now, paused = false
    FROM (SELECT rushes_now() AS now) n
    WHERE b.account_id = p_account_id AND b.batch_id = p_batch_id AND b.cancel_requested_at IS NULL;
  END IF;

  -- Locked by index, so that an attempt that begins at this moment waits for us or is waited for, never both.
  WITH queued AS MATERIALIZED (
    SELECT task_index, fence FROM tasks
    WHERE account_id = p_account_id AND batch_id = p_batch_id AND state = 'queued'
    ORDER BY task_index FOR NO KEY UPDATE
  )
  SELECT array_agg(q.task_index), array_agg(q.claim), ARRAY(SELECT DISTINCT fence FROM queued ORDER BY fence)
  INTO v_indexes, v_claims, v_fences
  FROM (SELECT task_index, dense_rank() OVER (ORDER BY fence)::integer AS claim FROM queued) q;
  IF v_indexes IS NOT NULL THEN
    SELECT coalesce(sum(coalesce(cardinality(s.places), cardinality(v_indexes))), 0) INTO v_closed
    FROM settle_tasks(
      array_fill(p_account_id, ARRAY[cardinality(v_fences)]), array_fill(p_batch_id, ARRAY[cardinality(v_fences)]),
      v_fences, v_claims, v_indexes, array_fill(p_outcome, ARRAY[cardinality(v_indexes)]),
      array_fill(v_failure_type, ARRAY[cardinality(v_indexes)]),
      '{}', '{}', '{}', '{}', '{}', '{}') s
    WHERE s.answer = 'settled';
  END IF;
  RETURN v_closed;
END
$$;
`;
