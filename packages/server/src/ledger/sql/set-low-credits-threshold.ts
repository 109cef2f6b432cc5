import type { SqlFunction } from '../../db/index.ts';

export const setLowCreditsThreshold: SqlFunction = {
  name: 'set_low_credits_threshold',
  comment: `
    Sets the number of available credits below which credits.low is announced; null announces nothing. Setting it
    announces nothing either, also when less is available already: that is not a fall. Raises when there is no such
    account.`,
  sql: /* sql */ `
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
`,
};
