import type { SqlFunction } from '../../db/index.ts';

export const openLedgerEpoch: SqlFunction = {
  name: 'open_ledger_epoch',
  comment: `
    Closes an account's tree and begins another one, whose first checkpoint the sealer signs.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION open_ledger_epoch(
  p_account_id uuid, p_epoch integer, p_origin text, p_reason text, p_previous_checkpoint text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  -- Before any checkpoint of the closed tree could still be published.
  PERFORM 1 FROM ledger_sealer FOR UPDATE;
  IF p_epoch <= (SELECT max(epoch) FROM ledger_trees WHERE account_id = p_account_id) THEN
    RAISE EXCEPTION 'epoch % of account % is not a new one', p_epoch, p_account_id USING ERRCODE = 'unique_violation';
  END IF;
  UPDATE ledger_trees SET closed_at = rushes_now() WHERE account_id = p_account_id AND closed_at IS NULL;
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_reason, previous_checkpoint, opened_at)
  VALUES (p_account_id, p_epoch, p_origin, p_reason, p_previous_checkpoint, rushes_now());
END
$$;
`,
};
