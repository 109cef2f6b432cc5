import { MOVE_BALANCES } from '../../ledger/sql/index.ts';

/**
 * SQL that updates and ends batches. It is the only place for this: settling, cancel, deadline and
 * finalize_batch_credits all use it. It is a text that they include in their own statement, because a separate
 * statement would cost a batch of ten as much as settling it.
 */

/**
 * Common table expressions that move accounts, holds and counters by the rows of `per_batch`, and end each batch whose `ends` is
 * true: its hold is closed, its state set and its schedule row deleted. `ended` has the batches that ended, and the numbers of
 * their events, which are behind those of the account's tasks. Needs `v_now`, and in `per_batch` account_id, batch_id, ends, the
 * account's last_event_seq, and the tasks and credits by outcome.
 */
export const MOVE_AND_END_BATCHES = /* sql */ `${MOVE_BALANCES},
  counted AS (
    UPDATE batches b
    SET succeeded = b.succeeded + p.succeeded,
      failed = b.failed + p.failed,
      canceled = b.canceled + p.canceled,
      sample_finished = b.sample_finished + p.succeeded + p.failed,
      sample_failed = b.sample_failed + p.failed,
      status = CASE
        WHEN p.ends THEN batch_end_status(b.total, (b.succeeded + p.succeeded)::bigint, (b.canceled + p.canceled)::bigint)
        ELSE b.status
      END,
      paused = b.paused AND NOT p.ends,
      finished_at = CASE WHEN p.ends THEN v_now END
    FROM per_batch p
    WHERE b.account_id = p.account_id AND b.batch_id = p.batch_id
  ),
  unscheduled AS (
    DELETE FROM batch_schedule s USING per_batch p
    WHERE p.ends AND s.account_id = p.account_id AND s.batch_id = p.batch_id
  ),
  ended AS (
    SELECT array_agg(e.account_id) AS account_ids, array_agg(e.batch_id) AS batch_ids, array_agg(e.seq) AS seqs
    FROM (
      SELECT p.account_id, p.batch_id, p.ends, p.last_event_seq
        + sum(p.tasks) OVER (PARTITION BY p.account_id)
        + count(*) FILTER (WHERE p.ends) OVER (PARTITION BY p.account_id ORDER BY p.batch_id) AS seq
      FROM per_batch p
    ) e
    WHERE e.ends
  )`;

/** Runs after that statement, with `ended` in variables: deletes the remaining leases and writes the events. */
export const TELL_ENDED_BATCHES = /* sql */ `
  IF v_ended_batches IS NOT NULL THEN
    -- A lease without tasks would take a slot for ever.
    DELETE FROM task_leases l USING unnest(v_ended_accounts, v_ended_batches) AS i(account_id, batch_id)
    WHERE l.account_id = i.account_id AND l.batch_id = i.batch_id;
    PERFORM write_batch_events(v_ended_accounts, v_ended_batches, v_ended_seqs, NULL, NULL);
  END IF;`;
