import type { SqlFunction } from '../../db/index.ts';

export const openAccount: SqlFunction = {
  name: 'open_account',
  comment: `
    Creates the credit account with empty balances. Does nothing when it exists. Credits are added only by
    issue_credits, so that the first credits are in the ledger too.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION open_account(p_account_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO credit_accounts (account_id) VALUES (p_account_id) ON CONFLICT (account_id) DO NOTHING
$$;
`,
};
