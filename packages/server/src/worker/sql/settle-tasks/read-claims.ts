/**
 * Reads what each claim's account and batch say into arrays that are then subscripted by the claim's place. The numbers of
 * account and batch follow the order in which everyone locks.
 */
export const READ_CLAIMS = /* sql */ `
  SELECT array_agg(d.account_number ORDER BY d.claim), array_agg(d.batch_number ORDER BY d.claim),
    array_agg(d.terms ORDER BY d.claim), array_agg(d.unit_price ORDER BY d.claim),
    array_agg(d.webhook_endpoint_id ORDER BY d.claim), array_agg(d.deadline_at ORDER BY d.claim),
    array_agg(d.last_seq ORDER BY d.claim), array_agg(d.last_event_seq ORDER BY d.claim),
    array_agg(d.entry_at ORDER BY d.claim), array_agg(d.available ORDER BY d.claim),
    array_agg(d.reserved ORDER BY d.claim),
    array_agg(d.spent ORDER BY d.claim), array_agg(d.open ORDER BY d.claim), coalesce(bool_or(d.is_guarded), false)
  INTO v_account_numbers, v_batch_numbers, v_terms, v_prices, v_endpoints, v_deadlines, v_seqs, v_event_seqs, v_entry_times,
    v_available, v_reserved, v_spent, v_open, v_is_guarded
  FROM (
    SELECT u.claim, b.terms, b.unit_price, b.webhook_endpoint_id, b.deadline_at,
      b.total - b.succeeded - b.failed - b.canceled AS open, b.max_failure_rate IS NOT NULL AS is_guarded,
      c.last_seq, c.last_event_seq, greatest(v_now, c.last_entry_at) AS entry_at, c.available, c.reserved, c.spent,
      dense_rank() OVER (ORDER BY u.account_id)::integer AS account_number,
      dense_rank() OVER (ORDER BY u.account_id, u.batch_id)::integer AS batch_number
    FROM unnest(p_account_ids, p_batch_ids) WITH ORDINALITY AS u(account_id, batch_id, claim)
    LEFT JOIN batches b ON b.account_id = u.account_id AND b.batch_id = u.batch_id
    LEFT JOIN credit_accounts c ON c.account_id = u.account_id
  ) d;`;
