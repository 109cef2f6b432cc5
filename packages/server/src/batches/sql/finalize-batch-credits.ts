import type { SqlFunction } from '../../db/index.ts';
import { MOVE_AND_END_BATCHES, TELL_ENDED_BATCHES } from './end-of-batch.ts';

export const finalizeBatchCredits: SqlFunction = {
  name: 'finalize_batch_credits',
  comment: `
    Ends a batch whose tasks are all final: closes its hold and sets its end state, as the settlement of its last task
    does. Returns 'finalized', 'already_final' or 'not_finished'. Safe to call at any time and any number of times: the
    first caller to lock the account row finalizes the batch, and later callers get 'already_final'. Raises when the
    batch has no hold.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION finalize_batch_credits(p_account_id uuid, p_batch_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_batch batches;
  v_hold credit_holds;
  v_ended_accounts uuid[];
  v_ended_batches uuid[];
  v_ended_seqs bigint[];
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

  WITH per_batch AS MATERIALIZED (
    SELECT c.account_id, p_batch_id AS batch_id, c.last_event_seq, true AS ends, 0 AS tasks,
      0 AS succeeded, 0 AS failed, 0 AS canceled, 0 AS charged, 0 AS refunded, 0 AS forfeited
    FROM credit_accounts c WHERE c.account_id = p_account_id
  ),${MOVE_AND_END_BATCHES}
  SELECT e.account_ids, e.batch_ids, e.seqs INTO v_ended_accounts, v_ended_batches, v_ended_seqs FROM ended e;
${TELL_ENDED_BATCHES}
  RETURN 'finalized';
END
$$;
`,
};
