import type { SqlFunction } from '../../db/index.ts';

export const writeBatchEvents: SqlFunction = {
  name: 'write_batch_events',
  comment: `
    Writes an event of each batch with the given numbers. The type is 'batch.' || status, or p_type when given; p_reason
    is added to the data. The caller must hold the locks of the accounts and update last_event_seq. It writes many
    events at once, because the data of one event would take longer than settling ten tasks. Ids get their public form
    when the event is shown.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION write_batch_events(
  p_account_ids uuid[], p_batch_ids uuid[], p_seqs bigint[], p_type text, p_reason text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
  SELECT b.account_id, i.seq, coalesce(p_type, 'batch.' || b.status), b.batch_id, NULL, b.webhook_endpoint_id,
    jsonb_build_object(
      'request_id', b.request_id,
      'model', b.model,
      'status', b.status,
      'counts', jsonb_build_object('total', b.total,
        'processing', (SELECT coalesce(sum(l.open), 0) FROM task_leases l
          WHERE l.account_id = b.account_id AND l.batch_id = b.batch_id),
        'succeeded', b.succeeded, 'failed', b.failed, 'canceled', b.canceled),
      'credits', jsonb_build_object('unit_price', b.unit_price, 'reserved', h.amount,
        'held', h.amount - h.charged - h.refunded - h.forfeited,
        'charged', h.charged, 'refunded', h.refunded, 'forfeited', h.forfeited),
      'metadata', b.metadata,
      'created_at', b.created_at,
      'started_at', b.started_at,
      'finished_at', b.finished_at)
    -- Kept in the event, so that every attempt to deliver it has the same bytes. It covers what was sealed by now, which may
    -- lack this batch's last entries.
    || CASE WHEN b.finished_at IS NOT NULL THEN jsonb_build_object('ledger_checkpoint', (
      SELECT t.checkpoint FROM ledger_trees t WHERE t.account_id = b.account_id AND t.closed_at IS NULL)) ELSE '{}' END
    || CASE WHEN p_reason IS NOT NULL THEN jsonb_build_object('reason', p_reason) ELSE '{}' END,
    v_now
  FROM unnest(p_account_ids, p_batch_ids, p_seqs) AS i(account_id, batch_id, seq)
  JOIN batches b ON b.account_id = i.account_id AND b.batch_id = i.batch_id
  JOIN credit_holds h ON h.account_id = i.account_id AND h.batch_id = i.batch_id;
END
$$;
`,
};
