import type { SqlFunction } from '../../db/index.ts';

export const appendEntry: SqlFunction = {
  name: 'append_entry',
  comment: `
    Writes a single ledger entry: moves the amount between the buckets of its kind, and appends the entry with the
    balances after it. It is the only way to write one; settle_tasks writes the entries of many tasks at once. The
    caller must hold the lock of the account row. Returns the entry's seq. Raises when the account or kind does not
    exist; the CHECKs of the account refuse to take more than a bucket has.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION append_entry(
  p_account_id uuid, p_kind text, p_amount bigint, p_batch_id uuid, p_task_index integer, p_reverses_seq bigint,
  p_reason text, p_reference text
) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_from text := entry_from_bucket(p_kind);
  v_to text := entry_to_bucket(p_kind);
  v_after credit_accounts;
BEGIN
  IF v_from IS NULL THEN
    RAISE EXCEPTION 'there is no ledger entry of kind %', p_kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  UPDATE credit_accounts c
  SET available = c.available + CASE 'available' WHEN v_to THEN p_amount WHEN v_from THEN -p_amount ELSE 0 END,
    reserved = c.reserved + CASE 'reserved' WHEN v_to THEN p_amount WHEN v_from THEN -p_amount ELSE 0 END,
    spent = c.spent + CASE 'spent' WHEN v_to THEN p_amount WHEN v_from THEN -p_amount ELSE 0 END,
    issued = c.issued + CASE 'external' WHEN v_from THEN p_amount WHEN v_to THEN -p_amount ELSE 0 END,
    last_seq = c.last_seq + 1,
    last_entry_at = greatest(rushes_now(), c.last_entry_at)
  WHERE c.account_id = p_account_id
  RETURNING * INTO v_after;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
    available_after, reserved_after, spent_after, batch_id, task_index, reverses_seq, reason, reference, created_at)
  VALUES (p_account_id, v_after.last_seq, p_kind, v_from, v_to, p_amount,
    v_after.available, v_after.reserved, v_after.spent, p_batch_id, p_task_index, p_reverses_seq, p_reason, p_reference,
    v_after.last_entry_at);
  RETURN v_after.last_seq;
END
$$;
`,
};
