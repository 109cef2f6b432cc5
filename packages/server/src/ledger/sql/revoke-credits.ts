/**
 * revoke_credits(account_id, amount, reason, reference): takes credits back whose payment was refunded or charged back.
 * What is available goes at once; the rest is the account's debt, which blocks new reservations and is taken from the next
 * purchases. Idempotent by reference for ever. Answers 'revoked', 'already_revoked', 'reference_conflict' or
 * 'too_much': the debt would no longer be an exact number in JSON.
 */
export const revokeCredits = /* sql */ `
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

-- Takes what is available for the open revocations, the oldest first, or for one of them. The caller holds the account row.
CREATE OR REPLACE FUNCTION settle_debt(p_account_id uuid, p_reference text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_account credit_accounts;
  v_revocation credit_revocations;
  v_amount bigint;
  v_at timestamptz;
BEGIN
  FOR v_revocation IN
    SELECT * FROM credit_revocations
    WHERE account_id = p_account_id AND revoked < amount AND (p_reference IS NULL OR reference = p_reference)
    ORDER BY position
  LOOP
    SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
    v_amount := least(v_account.available, v_revocation.amount - v_revocation.revoked);
    EXIT WHEN v_amount = 0;
    v_at := greatest(rushes_now(), v_account.last_entry_at);
    INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
      available_after, reserved_after, spent_after, reason, reference, created_at)
    VALUES (p_account_id, v_account.last_seq + 1, 'revoke', 'available', 'external', v_amount,
      v_account.available - v_amount, v_account.reserved, v_account.spent,
      v_revocation.reason, v_revocation.reference, v_at);
    UPDATE credit_accounts
    SET available = available - v_amount, issued = issued - v_amount, debt = debt - v_amount,
      last_seq = last_seq + 1, last_entry_at = v_at
    WHERE account_id = p_account_id;
    UPDATE credit_revocations SET revoked = revoked + v_amount
    WHERE account_id = p_account_id AND reference = v_revocation.reference;
  END LOOP;
END
$$;
`;
