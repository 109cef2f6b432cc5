import type { SqlFunction } from '../../db/index.ts';

export const claimLedgerSealer: SqlFunction = {
  name: 'claim_ledger_sealer',
  comment: `
    Takes or renews the lease of the sealer. Returns its fence, or null when another process holds it.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION claim_ledger_sealer(p_holder uuid, p_lease_ms integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_sealer ledger_sealer;
  v_now timestamptz;
BEGIN
  SELECT * INTO v_sealer FROM ledger_sealer FOR UPDATE;
  v_now := rushes_now();
  IF v_sealer.holder IS DISTINCT FROM p_holder AND v_sealer.lease_until > v_now THEN
    RETURN NULL;
  END IF;
  UPDATE ledger_sealer
  SET fence = CASE WHEN v_sealer.holder = p_holder THEN fence ELSE fence + 1 END,
    holder = p_holder,
    lease_until = v_now + p_lease_ms * interval '1 millisecond'
  RETURNING fence INTO v_sealer.fence;
  RETURN v_sealer.fence;
END
$$;
`,
};
