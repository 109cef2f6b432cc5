import type { SqlFunction } from '../../db/index.ts';

export const numberEvents: SqlFunction = {
  name: 'number_events',
  comment: `
    Takes the next event number for each account in the array, which may have an account several times. Returns the
    numbers in the same order. The account rows stay locked, so that no reader of the event list can pass a number that
    commits later. Raises when an account has no credit account.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION number_events(p_account_ids uuid[]) RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
  v_seqs bigint[];
BEGIN
  UPDATE credit_accounts c SET last_event_seq = c.last_event_seq + i.events
  FROM (SELECT u.account_id, count(*) AS events FROM unnest(p_account_ids) AS u(account_id) GROUP BY 1) i
  WHERE c.account_id = i.account_id;
  SELECT array_agg(c.last_event_seq - a.events + a.n ORDER BY a.place) INTO v_seqs
  FROM (
    SELECT u.account_id, u.place, count(*) OVER (PARTITION BY u.account_id) AS events,
      row_number() OVER (PARTITION BY u.account_id ORDER BY u.place) AS n
    FROM unnest(p_account_ids) WITH ORDINALITY AS u(account_id, place)
  ) a
  JOIN credit_accounts c ON c.account_id = a.account_id;
  IF coalesce(cardinality(v_seqs), 0) <> cardinality(p_account_ids) THEN
    RAISE EXCEPTION 'one of the accounts % has no credit account', p_account_ids USING ERRCODE = 'no_data_found';
  END IF;
  RETURN v_seqs;
END
$$;
`,
};
