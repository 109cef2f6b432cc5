import type { SqlFunction } from '../../db/index.ts';

export const issueCredits: SqlFunction = {
  name: 'issue_credits',
  comment: `
    Adds credits by a purchase or a grant. Returns 'issued', 'already_issued' (this reference issued the same before),
    'reference_taken' (it issued something else) or 'too_much' (the account would have more than 2^53 - 1 credits). The
    last three change nothing. Idempotent by reference, without a time limit. A purchase pays the account's debt first.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION issue_credits(
  p_account_id uuid, p_kind text, p_amount bigint, p_reason text, p_reference text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_account credit_accounts;
  v_before credit_ledger;
BEGIN
  IF p_kind NOT IN ('purchase', 'grant') THEN
    RAISE EXCEPTION 'credits are issued by purchase or grant, not %', p_kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;

  SELECT * INTO v_before FROM credit_ledger
  WHERE account_id = p_account_id AND reference = p_reference AND kind IN ('purchase', 'grant');
  IF FOUND THEN
    IF v_before.kind = p_kind AND v_before.amount = p_amount THEN
      RETURN 'already_issued';
    END IF;
    RETURN 'reference_taken';
  END IF;

  IF p_amount > 9007199254740991 - v_account.issued THEN
    RETURN 'too_much';
  END IF;

  PERFORM append_entry(p_account_id, p_kind, p_amount, NULL, NULL, NULL, p_reason, p_reference);
  IF p_kind = 'purchase' AND v_account.debt > 0 THEN
    PERFORM settle_debt(p_account_id, NULL);
    -- The debt may take more than the purchase: also credits that refunds have made available since.
    PERFORM announce_low_credits(v_account);
  END IF;
  RETURN 'issued';
END
$$;
`,
};
