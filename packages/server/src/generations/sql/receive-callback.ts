import type { SqlFunction } from '../../db/index.ts';

export const receiveCallback: SqlFunction = {
  name: 'receive_callback',
  comment: `
    Stores a callback if it is useful: when it has the id of a submission with an unknown outcome, or says that a
    running one may have ended. p_ended is what the callback itself says. Returns whether it was stored.`,
  sql: /* sql */ `
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
`,
};
