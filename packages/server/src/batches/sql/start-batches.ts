import type { SqlFunction } from '../../db/index.ts';

export const startBatches: SqlFunction = {
  name: 'start_batches',
  comment: `
    Marks batches as processing and writes the event, when their first task is about to be sent.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION start_batches(p_account_ids uuid[], p_batch_ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  v_accounts uuid[];
  v_batches uuid[];
  v_now timestamptz;
BEGIN
  PERFORM 1 FROM credit_accounts
  WHERE account_id IN (SELECT DISTINCT unnest(p_account_ids))
  ORDER BY account_id FOR NO KEY UPDATE;
  v_now := rushes_now();
  WITH started AS (
    UPDATE batches b SET status = 'processing', started_at = v_now
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT a, c FROM unnest(p_account_ids, p_batch_ids) AS u(a, c))
      AND b.status = 'queued'
    RETURNING b.account_id, b.batch_id
  )
  SELECT array_agg(s.account_id), array_agg(s.batch_id) INTO v_accounts, v_batches FROM started s;
  IF v_batches IS NOT NULL THEN
    PERFORM append_batch_events(v_accounts, v_batches, NULL, NULL);
  END IF;
END
$$;
`,
};
