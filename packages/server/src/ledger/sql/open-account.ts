import type { SqlFunction } from '../../db/index.ts';

export const openAccount: SqlFunction = {
  name: 'open_account',
  comment: `
    Gives an account its empty buckets. Harmless when it has them already. Credits come by issue_credits alone, so
    that the first of them, too, stands in the ledger.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION open_account(p_account_id uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO credit_accounts (account_id) VALUES (p_account_id) ON CONFLICT (account_id) DO NOTHING
$$;
`,
};
