/**
 * `swapped`: gives each task its outcome where it is still in a state that the outcome may end and under the caller's fence. A
 * task that lost this comparison contributes to nothing that follows.
 *
 * An update skips a row that it has changed itself, so of two outcomes of one claim of a task the first counts. A worker that
 * lost a task and got it again may name it twice.
 */
export const SWAP_TASKS = /* sql */ `
  swapped AS (
    UPDATE tasks t
    SET state = CASE i.outcome WHEN 'succeeded' THEN 'succeeded' WHEN 'canceled' THEN 'canceled' ELSE 'failed' END,
      resolution = CASE
        WHEN i.outcome = 'succeeded' THEN 'charge'
        ELSE coalesce(v_terms[i.claim] ->> i.failure_type, 'refund')
      END,
      failure_type = CASE WHEN i.outcome <> 'succeeded' THEN i.failure_type END,
      failure_detail = left(p_failure_details[i.place], 500),
      upstream_id = coalesce(p_upstream_ids[i.place], t.upstream_id),
      unknown_since = CASE WHEN i.outcome <> 'succeeded' THEN t.unknown_since END,
      finished_at = v_now,
      video_key = CASE WHEN i.outcome = 'succeeded' THEN p_video_keys[i.place] END,
      video_bytes = CASE WHEN i.outcome = 'succeeded' THEN p_video_bytes[i.place] END,
      video_sha256 = CASE WHEN i.outcome = 'succeeded' THEN p_video_sha256[i.place] END,
      video_content_type = CASE WHEN i.outcome = 'succeeded' THEN p_video_content_types[i.place] END
    FROM (
      SELECT s.claim, s.task_index, s.place::integer AS place, p_account_ids[s.claim] AS account_id,
        p_batch_ids[s.claim] AS batch_id, p_fences[s.claim] AS fence, p_outcomes[s.place] AS outcome,
        p_failure_types[s.place] AS failure_type
      FROM (
        SELECT * FROM unnest(p_claims, p_task_indexes) WITH ORDINALITY AS u(claim, task_index, place)
        ORDER BY v_batch_numbers[u.claim], u.task_index, u.place
      ) s
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND t.fence = i.fence
      AND CASE i.outcome
        WHEN 'succeeded' THEN t.state IN ('submitting', 'running', 'unknown')
        WHEN 'failed' THEN t.state IN ('submitting', 'running', 'unknown')
          AND (i.failure_type <> 'timeout' OR t.timeout_at <= v_now)
        WHEN 'canceled' THEN t.state = 'queued'
        WHEN 'expired' THEN t.state = 'queued' AND v_deadlines[i.claim] <= v_now
      END
    RETURNING i.place, i.claim, t.task_index, t.state, t.resolution, t.failure_type
  )`;

/** `numbered`: the tasks that won, numbered within their account, with what the account's tasks up to each refund and release. */
export const NUMBER_TASKS = /* sql */ `
  numbered AS MATERIALIZED (
    SELECT s.*, row_number() OVER w AS n,
      sum(CASE WHEN s.resolution = 'refund' THEN v_prices[s.claim] ELSE 0 END) OVER w AS refunded_so_far,
      sum(v_prices[s.claim]) OVER w AS released_so_far
    FROM swapped s
    WINDOW w AS (PARTITION BY v_account_numbers[s.claim] ORDER BY v_batch_numbers[s.claim], s.task_index ROWS UNBOUNDED PRECEDING)
  )`;
