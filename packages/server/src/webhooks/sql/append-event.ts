/**
 * append_event(...): the next event of an account, numbered under the account row's lock so that no reader of the list
 * can pass a number that commits later. Returns its seq.
 */
export const appendEvent = /* sql */ `
CREATE OR REPLACE FUNCTION append_event(
  p_account_id uuid, p_type text, p_batch_id uuid, p_task_index integer, p_endpoint_id uuid, p_data jsonb
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_seq bigint;
BEGIN
  UPDATE credit_accounts SET last_event_seq = last_event_seq + 1
  WHERE account_id = p_account_id
  RETURNING last_event_seq INTO v_seq;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
  VALUES (p_account_id, v_seq, p_type, p_batch_id, p_task_index, p_endpoint_id, p_data, rushes_now());
  RETURN v_seq;
END
$$;

-- From before they were named by their keys.
DROP FUNCTION IF EXISTS append_batch_events(batches[], text, text);

-- The event 'batch.' || status of each batch, p_type instead of it when given, under the numbers given; p_reason goes with it.
-- For callers that hold the accounts' locks and move last_event_seq. A set at once: what an event says of a batch costs more
-- one by one than settling ten tasks. Ids are put in their public form when the event is shown.
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

-- The same under the accounts' next numbers. For callers that hold the accounts' locks.
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
  v_seqs bigint[];
BEGIN
  SELECT array_agg(a.account_id), array_agg(a.batch_id), array_agg(c.last_event_seq + a.n)
  INTO v_accounts, v_batches, v_seqs
  FROM (
    SELECT i.account_id, i.batch_id, row_number() OVER (PARTITION BY i.account_id ORDER BY i.batch_id) AS n
    FROM unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id)
  ) a
  JOIN credit_accounts c ON c.account_id = a.account_id;
  UPDATE credit_accounts c SET last_event_seq = i.seq
  FROM (SELECT u.account_id, max(u.seq) AS seq FROM unnest(v_accounts, v_seqs) AS u(account_id, seq) GROUP BY 1) i
  WHERE c.account_id = i.account_id;
  PERFORM write_batch_events(v_accounts, v_batches, v_seqs, p_type, p_reason);
END
$$;
DROP FUNCTION IF EXISTS batch_event_data(batches);

-- What a task.* event says: all of it stands in the task, which no longer changes, so the event keeps no copy.
CREATE OR REPLACE FUNCTION task_event_data(p_account_id uuid, p_batch_id uuid, p_task_index integer) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT jsonb_build_object('custom_id', t.custom_id, 'model', b.model, 'status', t.state, 'attempts', t.attempt,
    'failure_type', t.failure_type, 'resolution', t.resolution, 'unit_price', b.unit_price,
    'video', CASE WHEN t.state = 'succeeded' THEN jsonb_build_object('bytes', t.video_bytes,
      'sha256', encode(t.video_sha256, 'hex'), 'content_type', t.video_content_type) END)
  FROM tasks t JOIN batches b ON b.account_id = t.account_id AND b.batch_id = t.batch_id
  WHERE t.account_id = p_account_id AND t.batch_id = p_batch_id AND t.task_index = p_task_index
$$;
`;
