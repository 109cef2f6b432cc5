/** Pauses batches that have failed more often than their customer allows. */
export const PAUSE_FAILING_BATCHES = /* sql */ `
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
  END LOOP;`;
