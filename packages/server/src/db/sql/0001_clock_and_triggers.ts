import type { Migration } from '../room-schema.ts';

export const clockAndTriggers: Migration = {
  name: '0001_clock_and_triggers',
  sql: /* sql */ `
CREATE FUNCTION rushes_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$ SELECT clock_timestamp() $$;
COMMENT ON FUNCTION rushes_now() IS
  'The clock for money, leases and deadlines. Tests and the simulation replace it with a clock that can be set.';

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: its rows are never changed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END
$$;
COMMENT ON FUNCTION refuse_change() IS 'Trigger for tables whose rows are only added and never changed.';
`,
};
