/**
 * What a settlement writes of the ledger: common table expressions that settle_tasks and finalize_batch_credits put into
 * their one statement, since only the ledger's own SQL writes the ledger's tables.
 */

/**
 * `entries`: the ledger entry of each task that got its outcome. Reads `numbered`: one row per task with its claim, its place
 * `n` among the account's tasks, its resolution, and what the account's tasks up to it refund and release; and the arrays of
 * settle_tasks that say of each claim its account, price and balances.
 */
export const POST_ENTRIES = /* sql */ `
  entries AS (
    INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
      available_after, reserved_after, spent_after, batch_id, task_index, reason, created_at)
    SELECT p_account_ids[n.claim], v_seqs[n.claim] + n.n, n.resolution, entry_from_bucket(n.resolution),
      entry_to_bucket(n.resolution), v_prices[n.claim],
      v_available[n.claim] + n.refunded_so_far,
      v_reserved[n.claim] - n.released_so_far,
      v_spent[n.claim] + n.released_so_far - n.refunded_so_far,
      p_batch_ids[n.claim], n.task_index, n.failure_type, v_entry_times[n.claim]
    FROM numbered n
  )`;

/**
 * `moved` and `held`: the balances of accounts and the holds of batches by the sums of `per_batch`: what its tasks charged,
 * refunded and forfeited, and whether it ends. A batch that ends takes one number of the account's events.
 */
export const MOVE_BALANCES = /* sql */ `
  moved AS (
    UPDATE credit_accounts c
    SET available = c.available + d.refunded,
      reserved = c.reserved - d.released,
      spent = c.spent + d.released - d.refunded,
      last_seq = c.last_seq + d.entries,
      -- A batch can end without a new entry.
      last_entry_at = CASE WHEN d.entries > 0 THEN greatest(v_now, c.last_entry_at) ELSE c.last_entry_at END,
      last_event_seq = c.last_event_seq + d.entries + d.ended
    FROM (
      SELECT p.account_id, sum(p.tasks) AS entries, sum(p.refunded) AS refunded,
        sum(p.charged + p.refunded + p.forfeited) AS released, count(*) FILTER (WHERE p.ends) AS ended
      FROM per_batch p GROUP BY 1
    ) d
    WHERE c.account_id = d.account_id
  ),
  held AS (
    -- The CHECK of a closed hold refuses this when anything of it is still unresolved.
    UPDATE credit_holds h
    SET charged = h.charged + p.charged, refunded = h.refunded + p.refunded, forfeited = h.forfeited + p.forfeited,
      state = CASE WHEN p.ends THEN 'closed' ELSE h.state END
    FROM per_batch p
    WHERE h.account_id = p.account_id AND h.batch_id = p.batch_id
  )`;
