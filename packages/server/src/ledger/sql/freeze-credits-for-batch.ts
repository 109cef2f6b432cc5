import type { SqlFunction } from '../../db/index.ts';

export const freezeCreditsForBatch: SqlFunction = {
  name: 'freeze_credits_for_batch',
  comment: `
    Reserves the cost of a batch, which is computed from its stored rows. Returns 'frozen', 'already_frozen' or
    'insufficient'; the last two change nothing.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION freeze_credits_for_batch(p_account_id uuid, p_batch_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_account credit_accounts;
  v_amount bigint;
BEGIN
  -- In its own statement: what follows then sees everything committed before the lock was granted.
  SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;

  PERFORM 1 FROM credit_holds WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF FOUND THEN
    RETURN 'already_frozen';
  END IF;

  SELECT b.unit_price * count(*) INTO v_amount
  FROM batches b JOIN tasks t USING (account_id, batch_id)
  WHERE b.account_id = p_account_id AND b.batch_id = p_batch_id AND t.state = 'queued'
  GROUP BY b.unit_price, b.total
  HAVING count(*) = b.total;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'batch % of account % has not all of its tasks', p_batch_id, p_account_id
      USING ERRCODE = 'no_data_found';
  END IF;

  IF v_account.available < v_amount THEN
    RETURN 'insufficient';
  END IF;

  INSERT INTO credit_holds (account_id, batch_id, amount) VALUES (p_account_id, p_batch_id, v_amount);
  PERFORM append_entry(p_account_id, 'reserve', v_amount, p_batch_id, NULL, NULL, NULL, NULL);
  PERFORM announce_low_credits(v_account);
  RETURN 'frozen';
END
$$;
`,
};
