/**
 * announce_low_credits(before): the event credits.low when what is available fell from at least the account's threshold to below
 * it since `before` was read. For callers that hold the account's row and took credits away; whatever raises credits has
 * nothing to do, since each fall is judged by what it started from.
 *
 * set_low_credits_threshold(account_id, threshold): null announces nothing. Setting it announces nothing either, also when less is
 * available already: it is no fall, and its answer says what is there. Raises when there is no such account.
 */
export const lowCredits = /* sql */ `
CREATE OR REPLACE FUNCTION announce_low_credits(p_before credit_accounts) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_available bigint;
BEGIN
  -- Not so without a threshold either.
  IF p_before.available >= p_before.low_threshold THEN
    SELECT available INTO v_available FROM credit_accounts WHERE account_id = p_before.account_id;
    IF v_available < p_before.low_threshold THEN
      PERFORM append_event(p_before.account_id, 'credits.low', NULL, NULL, NULL,
        jsonb_build_object('available', v_available, 'threshold', p_before.low_threshold));
    END IF;
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION set_low_credits_threshold(p_account_id uuid, p_threshold bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  UPDATE credit_accounts SET low_threshold = p_threshold WHERE account_id = p_account_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
END
$$;
`;
