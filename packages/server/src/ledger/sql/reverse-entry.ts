import type { SqlFunction } from '../../db/index.ts';

export const reverseEntry: SqlFunction = {
  name: 'reverse_entry',
  comment: `
    Gives back credits of a charge or a forfeit; all that is left of the entry when the amount is null. Idempotent by
    reference, without a time limit. Returns 'reversed', 'already_reversed' (this reference did it before),
    'reference_conflict' (the reference belongs to another reversal), 'no_such_entry', 'not_reversible' (not a charge or
    a forfeit) or 'exceeds_entry' (more than is left of the entry). Only 'reversed' changes something.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION reverse_entry(
  p_account_id uuid, p_seq bigint, p_amount bigint, p_reason text, p_reference text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_entry credit_ledger;
  v_before credit_ledger;
  v_left bigint;
  v_amount bigint;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_before FROM credit_ledger
  WHERE account_id = p_account_id AND kind = 'reversal' AND reference = p_reference;
  IF FOUND THEN
    -- A null amount means all that was left of the entry at that time.
    SELECT e.amount - coalesce(sum(r.amount), 0) INTO v_left
    FROM credit_ledger e LEFT JOIN credit_ledger r
      ON r.account_id = e.account_id AND r.kind = 'reversal' AND r.reverses_seq = e.seq AND r.seq < v_before.seq
    WHERE e.account_id = p_account_id AND e.seq = v_before.reverses_seq GROUP BY e.amount;
    RETURN CASE
      WHEN v_before.reverses_seq = p_seq AND v_before.amount = coalesce(p_amount, v_left) THEN 'already_reversed'
      ELSE 'reference_conflict'
    END;
  END IF;
  SELECT * INTO v_entry FROM credit_ledger WHERE account_id = p_account_id AND seq = p_seq;
  IF NOT FOUND THEN
    RETURN 'no_such_entry';
  END IF;
  IF v_entry.kind NOT IN ('charge', 'forfeit') THEN
    RETURN 'not_reversible';
  END IF;
  v_left := v_entry.amount - coalesce((SELECT sum(amount) FROM credit_ledger
    WHERE account_id = p_account_id AND kind = 'reversal' AND reverses_seq = p_seq), 0);
  v_amount := coalesce(p_amount, v_left);
  IF v_amount <= 0 OR v_amount > v_left THEN
    RETURN 'exceeds_entry';
  END IF;
  PERFORM append_entry(p_account_id, 'reversal', v_amount, NULL, NULL, p_seq, p_reason, p_reference);
  RETURN 'reversed';
END
$$;
`,
};
