import type { SqlFunction } from '../../db/index.ts';

export const claimLedgerCheck: SqlFunction = {
  name: 'claim_ledger_check',
  comment: `
    Returns true when a scheduled check is due and the caller should run it. Only one caller gets true.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION claim_ledger_check(p_interval_ms bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  UPDATE ledger_sealer SET checked_at = v_now
  WHERE checked_at <= v_now - p_interval_ms * interval '1 millisecond';
  RETURN FOUND;
END
$$;
`,
};
