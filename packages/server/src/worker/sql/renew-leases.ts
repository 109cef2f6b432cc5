import type { SqlFunction } from '../../db/index.ts';

export const renewLeases: SqlFunction = {
  name: 'renew_leases',
  comment: `
    Extends every lease that this worker still holds and returns them. Leases that are missing were taken over.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION renew_leases(p_worker_id uuid, p_lease_ms integer)
RETURNS TABLE (account_id uuid, batch_id uuid, fence bigint, open integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_until timestamptz := rushes_now() + p_lease_ms * interval '1 millisecond';
BEGIN
  RETURN QUERY
  UPDATE task_leases l SET lease_until = v_until
  FROM (
    SELECT h.account_id, h.batch_id, h.fence FROM task_leases h
    WHERE h.worker_id = p_worker_id
    ORDER BY h.account_id, h.batch_id, h.fence FOR NO KEY UPDATE
  ) held
  WHERE l.account_id = held.account_id AND l.batch_id = held.batch_id AND l.fence = held.fence
  RETURNING l.account_id, l.batch_id, l.fence, l.open;
END
$$;
`,
};
