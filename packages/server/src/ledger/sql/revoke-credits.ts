import type { SqlFunction } from '../../db/index.ts';

export const revokeCredits: SqlFunction = {
  name: 'revoke_credits',
  comment: `
    Takes back credits whose payment was refunded or charged back. Available credits are taken at once; the rest becomes
    the account's debt, which blocks new reservations and is paid by the next purchases. Idempotent by reference,
    without a time limit. Returns 'revoked', 'already_revoked', 'reference_conflict' or 'too_much' (the debt would no
    longer be an exact number in JSON).`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION revoke_credits(
  p_account_id uuid, p_amount bigint, p_reason text, p_reference text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_account credit_accounts;
  v_before credit_revocations;
BEGIN
  SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_before FROM credit_revocations WHERE account_id = p_account_id AND reference = p_reference;
  IF FOUND THEN
    RETURN CASE WHEN v_before.amount = p_amount THEN 'already_revoked' ELSE 'reference_conflict' END;
  END IF;
  IF p_amount > 9007199254740991 - v_account.debt THEN
    RETURN 'too_much';
  END IF;
  INSERT INTO credit_revocations (account_id, reference, position, amount, revoked, reason, created_at)
  SELECT p_account_id, p_reference, coalesce(max(position), 0) + 1, p_amount, 0, p_reason, rushes_now()
  FROM credit_revocations WHERE account_id = p_account_id;
  UPDATE credit_accounts SET debt = debt + p_amount WHERE account_id = p_account_id;
  PERFORM settle_debt(p_account_id, p_reference);
  PERFORM announce_low_credits(v_account);
  RETURN 'revoked';
END
$$;
`,
};
