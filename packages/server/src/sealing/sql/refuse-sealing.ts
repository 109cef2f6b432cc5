import type { SqlFunction } from '../../db/index.ts';

export const refuseSealing: SqlFunction = {
  name: 'refuse_sealing',
  comment: `
    Stores on an account's open tree why signing is refused; null when it is no longer refused. Returns true when this
    is a change.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION refuse_sealing(p_account_id uuid, p_origin text, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_at)
  SELECT a.account_id, 1, p_origin, rushes_now() FROM accounts a
  WHERE a.account_id = p_account_id
    AND NOT EXISTS (SELECT 1 FROM ledger_trees t WHERE t.account_id = p_account_id)
  ON CONFLICT DO NOTHING;
  UPDATE ledger_trees SET refused_reason = p_reason
  WHERE account_id = p_account_id AND closed_at IS NULL AND refused_reason IS DISTINCT FROM p_reason;
  RETURN FOUND;
END
$$;
`,
};
