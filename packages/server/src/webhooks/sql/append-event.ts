import type { SqlFunction } from '../../db/index.ts';

export const appendEvent: SqlFunction = {
  name: 'append_event',
  comment: `
    Writes the next event of an account and returns its seq. The number is taken under the lock of the account row, so
    that a reader of the list never skips a number that is committed later.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION append_event(
  p_account_id uuid, p_type text, p_batch_id uuid, p_task_index integer, p_endpoint_id uuid, p_data jsonb
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_seq bigint := (number_events(ARRAY[p_account_id]))[1];
BEGIN
  INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
  VALUES (p_account_id, v_seq, p_type, p_batch_id, p_task_index, p_endpoint_id, p_data, rushes_now());
  RETURN v_seq;
END
$$;
`,
};
