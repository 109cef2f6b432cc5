import type { SqlFunction } from '../../db/index.ts';

export const releaseLedgerSealer: SqlFunction = {
  name: 'release_ledger_sealer',
  comment: `
    Ends the lease of the sealer, if the caller holds it.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION release_ledger_sealer(p_holder uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  UPDATE ledger_sealer SET lease_until = '-infinity' WHERE holder = p_holder
$$;
`,
};
