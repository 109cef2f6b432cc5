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

-- What a batch.* event says of its batch. Ids are put in their public form when the event is shown.
CREATE OR REPLACE FUNCTION batch_event_data(p_batch batches) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT jsonb_build_object(
    'request_id', p_batch.request_id,
    'model', p_batch.model,
    'status', p_batch.status,
    'counts', jsonb_build_object('total', p_batch.total,
      'processing', (SELECT coalesce(sum(l.open), 0) FROM task_leases l
        WHERE l.account_id = p_batch.account_id AND l.batch_id = p_batch.batch_id),
      'succeeded', p_batch.succeeded, 'failed', p_batch.failed, 'canceled', p_batch.canceled),
    'credits', jsonb_build_object('unit_price', p_batch.unit_price, 'reserved', h.amount,
      'held', h.amount - h.charged - h.refunded - h.forfeited,
      'charged', h.charged, 'refunded', h.refunded, 'forfeited', h.forfeited),
    'metadata', p_batch.metadata,
    'created_at', p_batch.created_at,
    'started_at', p_batch.started_at,
    'finished_at', p_batch.finished_at
  )
  FROM credit_holds h
  WHERE h.account_id = p_batch.account_id AND h.batch_id = p_batch.batch_id
$$;
`;
