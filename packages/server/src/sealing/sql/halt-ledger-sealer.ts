import type { SqlFunction } from '../../db/index.ts';

export const haltLedgerSealer: SqlFunction = {
  name: 'halt_ledger_sealer',
  comment: `
    Makes every publication wait until the caller's transaction ends. So customers cannot have a checkpoint that the
    caller does not find in the log.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION halt_ledger_sealer() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT 1 FROM ledger_sealer FOR UPDATE
$$;
`,
};
