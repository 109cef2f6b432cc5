/**
 * finalize_batch_credits(account_id, batch_id): closes the hold of a batch whose tasks are all final and sets its end
 * state. Returns 'finalized', 'already_final' or 'not_finished'. Safe to call at any time and as often as one likes:
 * whoever holds the account row's lock first does it, the others find it done.
 */
export const finalizeBatchCredits = /* sql */ `
CREATE OR REPLACE FUNCTION finalize_batch_credits(p_account_id uuid, p_batch_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_batch batches;
  v_hold credit_holds;
  v_now timestamptz;
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

  v_now := rushes_now();
  -- The CHECK of a closed hold refuses this when anything of it is still unresolved.
  UPDATE credit_holds SET state = 'closed' WHERE account_id = p_account_id AND batch_id = p_batch_id;
  UPDATE batches
  SET status = CASE
      WHEN canceled > 0 THEN 'canceled'
      WHEN succeeded = total THEN 'completed'
      WHEN succeeded = 0 THEN 'failed'
      ELSE 'partial'
    END,
    paused = false,
    finished_at = v_now
  WHERE account_id = p_account_id AND batch_id = p_batch_id
  RETURNING * INTO v_batch;
  -- A lease that outlived its last task would take a slot for ever.
  DELETE FROM task_leases WHERE account_id = p_account_id AND batch_id = p_batch_id;
  DELETE FROM batch_schedule WHERE account_id = p_account_id AND batch_id = p_batch_id;
  PERFORM append_event(p_account_id, 'batch.' || v_batch.status, p_batch_id, NULL, v_batch.webhook_endpoint_id,
    -- Kept in the event, so that every attempt to deliver it has the same bytes. It covers what was sealed by now, which may
    -- lack this batch's last entries.
    batch_event_data(v_batch) || jsonb_build_object('ledger_checkpoint', (
      SELECT t.checkpoint FROM ledger_trees t WHERE t.account_id = p_account_id AND t.closed_at IS NULL)));
  RETURN 'finalized';
END
$$;
`;
