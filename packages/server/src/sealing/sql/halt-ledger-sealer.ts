import type { SqlFunction } from '../../db/index.ts';

export const haltLedgerSealer: SqlFunction = {
  name: 'halt_ledger_sealer',
  comment: `
    Keeps every publication waiting until the caller's transaction ends: what it reads of the log until then is all
    that customers can hold.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION halt_ledger_sealer() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT 1 FROM ledger_sealer FOR UPDATE
$$;
`,
};
