/**
 * What upstreams post about our submissions. Unsigned, so nothing of it counts before a poll of the id agrees: it waits in
 * upstream_callbacks until the task's holder, or anybody once nobody holds it, has asked.
 */
export const callbacks = /* sql */ `
-- Takes a callback in when something is to be learned from it: the id of a submission in doubt, or that a running one may
-- have ended. p_ended is the callback's own word. Returns whether it was kept.
CREATE OR REPLACE FUNCTION receive_callback(
  p_account_id uuid, p_batch_id uuid, p_task_index integer, p_attempt integer, p_route text, p_upstream_id text,
  p_ended boolean
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  IF NOT EXISTS (
    SELECT FROM tasks t
    WHERE t.account_id = p_account_id AND t.batch_id = p_batch_id AND t.task_index = p_task_index
      AND t.attempt = p_attempt
      AND CASE t.state
        WHEN 'submitting' THEN true
        WHEN 'unknown' THEN t.upstream_id IS NULL OR (t.upstream_id = p_upstream_id AND p_ended)
        WHEN 'running' THEN t.upstream_id = p_upstream_id AND p_ended
        WHEN 'failed' THEN t.unknown_since IS NOT NULL AND t.upstream_id IS NULL
        ELSE false
      END
    UNION ALL
    SELECT FROM task_attempts a
    WHERE a.account_id = p_account_id AND a.batch_id = p_batch_id AND a.task_index = p_task_index
      AND a.attempt = p_attempt AND a.possible_duplicate AND a.upstream_id IS NULL
  ) THEN
    RETURN false;
  END IF;
  -- Whoever knows an attempt's address may name this many ids for it and no more.
  IF (SELECT count(*) FROM upstream_callbacks c
      WHERE c.account_id = p_account_id AND c.batch_id = p_batch_id AND c.task_index = p_task_index
        AND c.attempt = p_attempt) >= 4 THEN
    RETURN false;
  END IF;
  INSERT INTO upstream_callbacks (account_id, batch_id, task_index, attempt, upstream_id, route, due_at, received_at)
  VALUES (p_account_id, p_batch_id, p_task_index, p_attempt, p_upstream_id, p_route, v_now, v_now)
  ON CONFLICT DO NOTHING;
  RETURN FOUND;
END
$$;

-- The callbacks that this worker should look into now: about tasks that it holds, and about attempts that ended in doubt.
-- 'ended': a running task's result may be there; gone from the inbox with this answer, since its poll goes on anyway.
-- 'open': a task in quarantine. 'past': an attempt or a task that is over. The last two come again later, ever more seldom,
-- until they are confirmed or dropped. A submission whose answer may still come waits. What is a day old goes.
CREATE OR REPLACE FUNCTION take_callbacks(p_worker_id uuid, p_routes text[], p_limit integer, p_again_ms integer)
RETURNS TABLE (account_id uuid, batch_id uuid, task_index integer, attempt integer, route text, upstream_id text,
  tries integer, kind text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH due AS MATERIALIZED (
    SELECT c.*, k.kind
    FROM upstream_callbacks c
    JOIN tasks t ON t.account_id = c.account_id AND t.batch_id = c.batch_id AND t.task_index = c.task_index
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN c.received_at < v_now - interval '1 day' THEN 'nothing'
        WHEN t.attempt = c.attempt AND t.state = 'submitting' THEN 'wait'
        WHEN t.attempt = c.attempt AND t.state = 'unknown' AND t.upstream_id IS NULL THEN 'open'
        WHEN t.attempt = c.attempt AND t.state IN ('running', 'unknown') AND t.upstream_id = c.upstream_id THEN 'ended'
        WHEN t.attempt = c.attempt AND t.state = 'failed' AND t.unknown_since IS NOT NULL AND t.upstream_id IS NULL
          THEN 'past'
        WHEN EXISTS (
          SELECT FROM task_attempts a
          WHERE a.account_id = c.account_id AND a.batch_id = c.batch_id AND a.task_index = c.task_index
            AND a.attempt = c.attempt AND a.possible_duplicate AND a.upstream_id IS NULL) THEN 'past'
        ELSE 'nothing'
      END AS kind
    ) k
    WHERE c.due_at <= v_now AND c.route = ANY (p_routes) AND k.kind <> 'wait'
      AND (k.kind IN ('past', 'nothing') OR EXISTS (
        SELECT FROM task_leases l
        WHERE l.account_id = t.account_id AND l.batch_id = t.batch_id AND l.fence = t.fence
          AND l.worker_id = p_worker_id))
    ORDER BY c.due_at LIMIT p_limit
    FOR UPDATE OF c SKIP LOCKED
  ),
  gone AS (
    DELETE FROM upstream_callbacks c USING due d
    WHERE d.kind IN ('ended', 'nothing')
      AND c.account_id = d.account_id AND c.batch_id = d.batch_id AND c.task_index = d.task_index
      AND c.attempt = d.attempt AND c.upstream_id = d.upstream_id
  ),
  again AS (
    UPDATE upstream_callbacks c
    SET tries = d.tries + 1, due_at = v_now + p_again_ms * 2 ^ least(d.tries, 10) * interval '1 millisecond'
    FROM due d
    WHERE d.kind IN ('open', 'past')
      AND c.account_id = d.account_id AND c.batch_id = d.batch_id AND c.task_index = d.task_index
      AND c.attempt = d.attempt AND c.upstream_id = d.upstream_id
  )
  SELECT d.account_id, d.batch_id, d.task_index, d.attempt, d.route, d.upstream_id, d.tries, d.kind
  FROM due d WHERE d.kind <> 'nothing';
END
$$;

-- Gives submissions in doubt the ids that the upstream itself has confirmed. Answers per input: 'running' (its holder goes
-- on with it instead of sending it again), 'late' (the task had ended, or was sent again: kept for the report), 'taken'
-- (the id serves another submission: nothing changed) or 'nothing'.
-- Only here does one submission come by an id that nobody sent us in answer to it, so only here can it be another's. What
-- is looked through are the ids of the last day; no upstream knows a generation longer.
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
  PERFORM pg_advisory_xact_lock(4600171010);
  v_known := ARRAY(
    SELECT t.upstream_id FROM batches b
    JOIN tasks t ON t.account_id = b.account_id AND t.batch_id = b.batch_id
    WHERE (b.finished_at IS NULL OR b.finished_at > v_since) AND t.upstream_id = ANY (p_upstream_ids)
    UNION
    SELECT a.upstream_id FROM task_attempts a
    WHERE a.ended_at > v_since AND a.upstream_id = ANY (p_upstream_ids));
  FOR v_item IN
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
      WITH ORDINALITY AS i(account_id, batch_id, task_index, attempt, upstream_id, ord)
    ORDER BY account_id, batch_id, task_index, attempt, ord
  LOOP
    ord := v_item.ord;
    answer := 'nothing';
    IF v_item.upstream_id = ANY (v_known) THEN
      answer := 'taken';
    ELSE
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
      END IF;
      IF answer <> 'nothing' THEN v_known := v_known || v_item.upstream_id; END IF;
    END IF;
    DELETE FROM upstream_callbacks c
    WHERE c.account_id = v_item.account_id AND c.batch_id = v_item.batch_id AND c.task_index = v_item.task_index
      AND c.attempt = v_item.attempt AND (answer IN ('running', 'late') OR c.upstream_id = v_item.upstream_id);
    RETURN NEXT;
  END LOOP;
END
$$;

-- Forgets callbacks that the upstream did not confirm.
CREATE OR REPLACE FUNCTION drop_callbacks(
  p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_attempts integer[], p_upstream_ids text[]
) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
AS $$
  DELETE FROM upstream_callbacks c
  USING unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
    AS i(account_id, batch_id, task_index, attempt, upstream_id)
  WHERE c.account_id = i.account_id AND c.batch_id = i.batch_id AND c.task_index = i.task_index
    AND c.attempt = i.attempt AND c.upstream_id = i.upstream_id
$$;
`;
