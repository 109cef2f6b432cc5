import type { SqlFunction } from '../../db/index.ts';

export const pauseBatch: SqlFunction = {
  name: 'pause_batch',
  comment: `
    Pauses a batch: no further tasks are claimed; running tasks continue. Returns 'paused', 'already_paused' or 'final'.`,
  sql: /* sql */ `
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
`,
};
