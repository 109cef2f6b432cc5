import type { SqlFunction } from '../../db/index.ts';

export const closeBatch: SqlFunction = {
  name: 'close_batch',
  comment: `
    Ends every queued task of a batch: 'canceled' (the customer's wish) or 'expired' (its deadline). Returns how many
    ended. Running tasks finish, but are not retried.`,
  sql: /* sql */ `
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
    RAISE EXCEPTION 'a batch can be closed as canceled or expired, not %', p_outcome
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
`,
};
