import type { SqlFunction } from '../../db/index.ts';

export const registerLedgerKeys: SqlFunction = {
  name: 'register_ledger_keys',
  comment: `
    Stores the public keys of a key directory. Returns 'registered', or 'foreign_key' when the checkpoints of this
    database are signed by a key of another directory: then nothing changes, and the caller must not seal.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION register_ledger_keys(
  p_key_ids text[], p_verifier_keys text[], p_created_at timestamptz[], p_active_key_id text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_active text;
BEGIN
  PERFORM 1 FROM ledger_sealer FOR UPDATE;
  SELECT key_id INTO v_active FROM ledger_keys WHERE status = 'active';
  IF v_active IS NOT NULL AND NOT v_active = ANY (p_key_ids) THEN
    RETURN 'foreign_key';
  END IF;
  UPDATE ledger_keys SET status = 'retired' WHERE status = 'active' AND key_id <> p_active_key_id;
  INSERT INTO ledger_keys (key_id, verifier_key, status, created_at)
  SELECT k.id, k.verifier_key, CASE WHEN k.id = p_active_key_id THEN 'active' ELSE 'retired' END, k.created_at
  FROM unnest(p_key_ids, p_verifier_keys, p_created_at) AS k(id, verifier_key, created_at)
  ON CONFLICT (key_id) DO UPDATE SET status = excluded.status WHERE ledger_keys.status <> excluded.status;
  RETURN 'registered';
END
$$;
`,
};
