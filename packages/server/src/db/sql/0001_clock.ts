/** The one clock of money, leases and deadlines. Tests and the simulation replace it by a settable one. */
export const clock = {
  name: '0001_clock',
  sql: /* sql */ `
CREATE FUNCTION rushes_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$ SELECT clock_timestamp() $$;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: its rows are never changed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END
$$;
`,
};
