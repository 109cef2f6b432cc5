/** `per_claim` and `per_batch`: what the tasks that won come to. `ends` is true of a batch whose last open tasks are among them. */
export const SUM_UP = /* sql */ `
  per_claim AS MATERIALIZED (
    SELECT n.claim, n.state, n.resolution, n.failure_type, count(*) AS tasks
    FROM numbered n GROUP BY 1, 2, 3, 4
  ),
  per_batch AS MATERIALIZED (
    SELECT p_account_ids[p.claim] AS account_id, p_batch_ids[p.claim] AS batch_id, min(v_event_seqs[p.claim]) AS last_event_seq,
      sum(p.tasks) = min(v_open[p.claim]) AS ends, sum(p.tasks) AS tasks,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'succeeded'), 0) AS succeeded,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'failed'), 0) AS failed,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'canceled'), 0) AS canceled,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'charge'), 0) AS charged,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'refund'), 0) AS refunded,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'forfeit'), 0) AS forfeited
    FROM per_claim p GROUP BY 1, 2
  )`;
