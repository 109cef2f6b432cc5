/** `told`: an event for each task. `explained`: the counts of failure types that the batch shows. */
export const TELL_TASKS = /* sql */ `
  told AS (
    INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
    SELECT p_account_ids[n.claim], v_event_seqs[n.claim] + n.n, 'task.' || n.state, p_batch_ids[n.claim], n.task_index,
      v_endpoints[n.claim], NULL, v_now
    FROM numbered n
  ),
  explained AS (
    INSERT INTO batch_failures AS f (account_id, batch_id, failure_type, tasks)
    SELECT p_account_ids[p.claim], p_batch_ids[p.claim], p.failure_type, sum(p.tasks)
    FROM per_claim p WHERE p.failure_type IS NOT NULL
    GROUP BY 1, 2, 3
    ON CONFLICT (account_id, batch_id, failure_type) DO UPDATE SET tasks = f.tasks + excluded.tasks
  )`;
