/**
 * Says what became of each task: 'settled', and of the others 'lost' or 'late'. An outcome that is late and another than the
 * task's own is kept in late_results.
 */
export const ANSWER = /* sql */ `
  answer := 'settled';
  IF cardinality(v_settled) = cardinality(p_claims) THEN
    RETURN NEXT;
  ELSE
    IF v_settled IS NOT NULL THEN
      places := v_settled;
      RETURN NEXT;
    END IF;
    -- Of a task named twice under one claim the first is answered.
    v_rest := ARRAY(
      SELECT min(u.place)::integer FROM unnest(p_claims, p_task_indexes) WITH ORDINALITY AS u(claim, task_index, place)
      GROUP BY u.claim, u.task_index
      EXCEPT SELECT unnest(v_settled));
    RETURN QUERY
    WITH rest AS MATERIALIZED (
      SELECT r.place, p_account_ids[p_claims[r.place]] AS account_id, p_batch_ids[p_claims[r.place]] AS batch_id,
        p_task_indexes[r.place] AS task_index, p_fences[p_claims[r.place]] AS fence, p_outcomes[r.place] AS outcome
      FROM unnest(v_rest) AS r(place)
    ),
    late AS (
      INSERT INTO late_results (account_id, batch_id, task_index, fence, outcome, failure_type, upstream_id, recorded_at)
      SELECT i.account_id, i.batch_id, i.task_index, i.fence, i.outcome, p_failure_types[i.place], p_upstream_ids[i.place],
        v_now
      FROM rest i JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      -- The same outcome again is our own commit whose answer was lost.
      WHERE t.resolution IS NOT NULL AND i.outcome IN ('succeeded', 'failed') AND t.state <> i.outcome
      ON CONFLICT DO NOTHING
    )
    SELECT CASE WHEN t.resolution IS NOT NULL THEN 'late' ELSE 'lost' END, array_agg(i.place)
    FROM rest i
    LEFT JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
    GROUP BY 1;
  END IF;`;
