import type { SqlFunction } from '../../db/index.ts';

export const batchEndStatus: SqlFunction = {
  name: 'batch_end_status',
  comment: `
    Returns the final status of a batch whose tasks are all final.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION batch_end_status(p_total bigint, p_succeeded bigint, p_canceled bigint) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN p_canceled > 0 THEN 'canceled'
    WHEN p_succeeded = p_total THEN 'completed'
    WHEN p_succeeded = 0 THEN 'failed'
    ELSE 'partial'
  END
$$;
`,
};
