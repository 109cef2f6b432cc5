import type { SqlFunction } from '../../db/index.ts';

/** The ids among those given that some submission of the last day has. */
const KNOWN_IDS = /* sql */ `
  v_known := ARRAY(
    SELECT t.upstream_id FROM batches b
    JOIN tasks t ON t.account_id = b.account_id AND t.batch_id = b.batch_id
    WHERE (b.finished_at IS NULL OR b.finished_at > v_since) AND t.upstream_id = ANY (p_upstream_ids)
    UNION
    SELECT a.upstream_id FROM task_attempts a
    WHERE a.ended_at > v_since AND a.upstream_id = ANY (p_upstream_ids));`;

/** Gives the id to the task, or else to the task or the attempt that ended without one. */
const GIVE_ID = /* sql */ `
      UPDATE tasks t SET state = 'running', upstream_id = v_item.upstream_id, unknown_since = NULL
      WHERE t.account_id = v_item.account_id AND t.batch_id = v_item.batch_id AND t.task_index = v_item.task_index
        AND t.attempt = v_item.attempt AND t.state = 'unknown' AND t.upstream_id IS NULL;
      IF FOUND THEN
        answer := 'running';
      ELSE
        UPDATE tasks t SET upstream_id = v_item.upstream_id
        WHERE t.account_id = v_item.account_id AND t.batch_id = v_item.batch_id AND t.task_index = v_item.task_index
          AND t.attempt = v_item.attempt AND t.state = 'failed' AND t.unknown_since IS NOT NULL AND t.upstream_id IS NULL;
        IF FOUND THEN
          answer := 'late';
        ELSE
          UPDATE task_attempts a SET upstream_id = v_item.upstream_id
          WHERE a.account_id = v_item.account_id AND a.batch_id = v_item.batch_id
            AND a.task_index = v_item.task_index AND a.attempt = v_item.attempt
            AND a.possible_duplicate AND a.upstream_id IS NULL;
          IF FOUND THEN answer := 'late'; END IF;
        END IF;
      END IF;`;

export const confirmSubmissions: SqlFunction = {
  name: 'confirm_submissions',
  comment: `
    Stores ids that the upstream has confirmed for submissions with an unknown outcome. Returns for each input 'running'
    (the worker that holds the task continues with it instead of sending it again), 'late' (the task had ended or was
    sent again: the id is kept for the report), 'taken' (the id belongs to another submission: nothing changed) or
    'nothing'. An id may belong to another submission only here, because everywhere else it comes in the answer to its
    own submission. Only ids of the last day are compared, because no upstream keeps a generation longer.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION confirm_submissions(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_attempts integer[], p_upstream_ids text[]
) RETURNS TABLE (ord bigint, answer text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
#variable_conflict use_column
DECLARE
  v_since timestamptz := rushes_now() - interval '1 day';
  v_known text[];
  v_item record;
BEGIN
  -- One at a time, so that no two submissions are given one id.
  PERFORM pg_advisory_xact_lock(4600171010);${KNOWN_IDS}
  FOR v_item IN
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
      WITH ORDINALITY AS i(account_id, batch_id, task_index, attempt, upstream_id, ord)
    ORDER BY account_id, batch_id, task_index, attempt, ord
  LOOP
    ord := v_item.ord;
    answer := 'nothing';
    IF v_item.upstream_id = ANY (v_known) THEN
      answer := 'taken';
    ELSE${GIVE_ID}
      IF answer <> 'nothing' THEN v_known := v_known || v_item.upstream_id; END IF;
    END IF;
    DELETE FROM upstream_callbacks c
    WHERE c.account_id = v_item.account_id AND c.batch_id = v_item.batch_id AND c.task_index = v_item.task_index
      AND c.attempt = v_item.attempt AND (answer IN ('running', 'late') OR c.upstream_id = v_item.upstream_id);
    RETURN NEXT;
  END LOOP;
END
$$;
`,
};
