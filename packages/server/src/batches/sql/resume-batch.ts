import type { SqlFunction } from '../../db/index.ts';

export const resumeBatch: SqlFunction = {
  name: 'resume_batch',
  comment: `
    Resumes a paused batch, and starts counting its failure rate again. Returns 'resumed', 'not_paused' or 'final'.`,
  sql: /* sql */ `
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
`,
};
