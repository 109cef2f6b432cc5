import type { SqlFunction } from '../../db/index.ts';

export const voidLeases: SqlFunction = {
  name: 'void_leases',
  comment: `
    Ends all leases of a worker at once: its own when it stops, or those of a process that is known to be dead.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION void_leases(p_worker_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := rushes_now();
  v_voided bigint;
BEGIN
  UPDATE task_leases l SET lease_until = v_now
  FROM (
    SELECT h.account_id, h.batch_id, h.fence FROM task_leases h
    WHERE h.worker_id = p_worker_id AND h.lease_until > v_now
    ORDER BY h.account_id, h.batch_id, h.fence FOR NO KEY UPDATE
  ) held
  WHERE l.account_id = held.account_id AND l.batch_id = held.batch_id AND l.fence = held.fence;
  GET DIAGNOSTICS v_voided = ROW_COUNT;
  RETURN v_voided;
END
$$;
`,
};
