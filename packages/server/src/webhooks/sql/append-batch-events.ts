import type { SqlFunction } from '../../db/index.ts';

export const appendBatchEvents: SqlFunction = {
  name: 'append_batch_events',
  comment: `
    Writes events of batches (see write_batch_events) with the next numbers of the accounts. The caller must hold the
    locks of the accounts.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION append_batch_events(p_account_ids uuid[], p_batch_ids uuid[], p_type text, p_reason text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
  v_accounts uuid[];
  v_batches uuid[];
BEGIN
  SELECT array_agg(i.account_id ORDER BY i.account_id, i.batch_id), array_agg(i.batch_id ORDER BY i.account_id, i.batch_id)
  INTO v_accounts, v_batches
  FROM unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id);
  PERFORM write_batch_events(v_accounts, v_batches, number_events(v_accounts), p_type, p_reason);
END
$$;
`,
};
