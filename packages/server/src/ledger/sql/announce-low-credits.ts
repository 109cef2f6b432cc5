import type { SqlFunction } from '../../db/index.ts';

export const announceLowCredits: SqlFunction = {
  name: 'announce_low_credits',
  comment: `
    Writes the event credits.low when the available credits have fallen from the account's threshold (its setting
    low_credits_threshold) or more to below it since the row p_before was read. Call it after credits were taken away,
    with the account row locked. Functions that add credits do not call it. Setting a threshold does not write the event
    either, also when fewer credits are available already.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION announce_low_credits(p_before credit_accounts) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_threshold bigint;
  v_available bigint;
BEGIN
  SELECT (settings ->> 'low_credits_threshold')::bigint INTO v_threshold
  FROM accounts WHERE account_id = p_before.account_id;
  -- Without a threshold this is null, so nothing is written.
  IF p_before.available >= v_threshold THEN
    SELECT available INTO v_available FROM credit_accounts WHERE account_id = p_before.account_id;
    IF v_available < v_threshold THEN
      PERFORM append_event(p_before.account_id, 'credits.low', NULL, NULL, NULL,
        jsonb_build_object('available', v_available, 'threshold', v_threshold));
    END IF;
  END IF;
END
$$;
`,
};
