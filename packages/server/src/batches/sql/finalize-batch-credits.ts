/**
 * finalize_batch_credits(account_id, batch_id): closes the hold of a batch whose tasks are all final and sets its end
 * state. Returns 'finalized', 'already_final' or 'not_finished'. Safe to call at any time and as often as one likes:
 * whoever holds the account row's lock first does it, the others find it done.
 */
export const finalizeBatchCredits = /* sql */ `
-- The state of a batch whose tasks are all final.
CREATE OR REPLACE FUNCTION batch_end_status(p_total bigint, p_succeeded bigint, p_canceled bigint) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN p_canceled > 0 THEN 'canceled'
    WHEN p_succeeded = p_total THEN 'completed'
    WHEN p_succeeded = 0 THEN 'failed'
    ELSE 'partial'
  END
$$;

-- Ends batches whose tasks are all final, for callers that hold their accounts' and holds' locks. A set at once: one by one,
-- ending a batch of ten tasks costs as much as settling them.
CREATE OR REPLACE FUNCTION end_batches(p_account_ids uuid[], p_batch_ids uuid[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  -- The CHECK of a closed hold refuses this when anything of it is still unresolved.
  UPDATE credit_holds h SET state = 'closed'
  FROM unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id)
  WHERE h.account_id = i.account_id AND h.batch_id = i.batch_id;
  DELETE FROM batch_schedule s USING unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id)
  WHERE s.account_id = i.account_id AND s.batch_id = i.batch_id;
  -- A lease that outlived its last task would take a slot for ever.
  DELETE FROM task_leases l USING unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id)
  WHERE l.account_id = i.account_id AND l.batch_id = i.batch_id;

  UPDATE batches b
  SET status = batch_end_status(b.total, b.succeeded, b.canceled), paused = false, finished_at = v_now
  FROM unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id)
  WHERE b.account_id = i.account_id AND b.batch_id = i.batch_id;
  PERFORM append_batch_events(p_account_ids, p_batch_ids, NULL, NULL);
END
$$;

CREATE OR REPLACE FUNCTION finalize_batch_credits(p_account_id uuid, p_batch_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_batch batches;
  v_hold credit_holds;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO v_hold FROM credit_holds
  WHERE account_id = p_account_id AND batch_id = p_batch_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'batch % of account % has no hold', p_batch_id, p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_batch FROM batches WHERE account_id = p_account_id AND batch_id = p_batch_id;

  IF v_hold.state = 'closed' THEN
    RETURN 'already_final';
  END IF;
  IF v_batch.succeeded + v_batch.failed + v_batch.canceled < v_batch.total THEN
    RETURN 'not_finished';
  END IF;

  PERFORM end_batches(ARRAY[p_account_id], ARRAY[p_batch_id]);
  RETURN 'finalized';
END
$$;
`;
