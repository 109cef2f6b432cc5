export const ledger = {
  name: '0003_ledger',
  sql: /* sql */ `
CREATE TABLE credit_accounts (
  account_id uuid PRIMARY KEY REFERENCES accounts,
  available bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
  -- 2^53 - 1: every amount stays an exact number in JSON.
  issued bigint NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND 9007199254740991),
  debt bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
  last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  last_entry_at timestamptz NOT NULL DEFAULT '-infinity',
  last_event_seq bigint NOT NULL DEFAULT 0 CHECK (last_event_seq >= 0),
  CHECK (available + reserved + spent = issued)
) WITH (fillfactor = 20);

CREATE TABLE credit_ledger (
  account_id uuid NOT NULL REFERENCES credit_accounts,
  seq bigint NOT NULL CHECK (seq > 0),
  kind text NOT NULL,
  from_bucket text NOT NULL,
  to_bucket text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  available_after bigint NOT NULL CHECK (available_after >= 0),
  reserved_after bigint NOT NULL CHECK (reserved_after >= 0),
  spent_after bigint NOT NULL CHECK (spent_after >= 0),
  batch_id uuid,
  task_index integer,
  reverses_seq bigint,
  reason text,
  reference text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, seq),
  CHECK ((kind, from_bucket, to_bucket) IN (
    ('purchase', 'external', 'available'),
    ('grant', 'external', 'available'),
    ('reserve', 'available', 'reserved'),
    ('charge', 'reserved', 'spent'),
    ('refund', 'reserved', 'available'),
    ('forfeit', 'reserved', 'spent'),
    ('reversal', 'spent', 'available'),
    ('revoke', 'available', 'external')
  )),
  CHECK ((kind IN ('reserve', 'charge', 'refund', 'forfeit')) = (batch_id IS NOT NULL)),
  CHECK ((kind IN ('charge', 'refund', 'forfeit')) = (task_index IS NOT NULL)),
  CHECK ((kind = 'reversal') = (reverses_seq IS NOT NULL)),
  CHECK (reverses_seq < seq),
  CHECK (kind NOT IN ('purchase', 'grant', 'reversal', 'revoke') OR (reason IS NOT NULL AND reference IS NOT NULL)),
  CHECK (kind <> 'forfeit' OR reason IS NOT NULL)
);
CREATE UNIQUE INDEX credit_ledger_one_reserve_per_batch ON credit_ledger (account_id, batch_id)
  WHERE kind = 'reserve';
CREATE UNIQUE INDEX credit_ledger_one_resolution_per_task ON credit_ledger (account_id, batch_id, task_index)
  WHERE kind IN ('charge', 'refund', 'forfeit');
CREATE UNIQUE INDEX credit_ledger_one_issue_per_reference ON credit_ledger (account_id, reference)
  WHERE kind IN ('purchase', 'grant');

-- A statement trigger fires for TRUNCATE and for changes that match no row, and costs an INSERT nothing.
CREATE TRIGGER credit_ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- A partition or inheritance child is reached by row triggers only.
CREATE TRIGGER credit_ledger_rows_are_append_only BEFORE UPDATE OR DELETE ON credit_ledger
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
`,
};
