export const corrections = {
  name: '0007_corrections',
  sql: /* sql */ `
-- A revocation takes what is available at once and the rest, the account's debt, from the purchases that follow. Its
-- entries in the ledger carry its reference.
CREATE TABLE credit_revocations (
  account_id uuid NOT NULL REFERENCES credit_accounts,
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
  -- The order in which debts are settled.
  position bigint NOT NULL CHECK (position > 0),
  amount bigint NOT NULL CHECK (amount > 0),
  revoked bigint NOT NULL CHECK (revoked >= 0),
  reason text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, reference),
  UNIQUE (account_id, position),
  CHECK (revoked <= amount)
);
CREATE UNIQUE INDEX credit_ledger_one_reversal_per_reference ON credit_ledger (account_id, reference)
  WHERE kind = 'reversal';
CREATE INDEX credit_ledger_reversals ON credit_ledger (account_id, reverses_seq) WHERE kind = 'reversal';

CREATE TABLE operator_keys (
  key_id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  -- HMAC-SHA256 of the whole key text under a key that is not in this database.
  key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
  last_characters text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  CHECK (enabled = (disabled_at IS NULL))
);

-- Who did what to an account. For the operator: the customer's ledger says why, not which person it was.
CREATE TABLE operator_actions (
  account_id uuid NOT NULL REFERENCES accounts,
  action_id uuid NOT NULL,
  -- 'key:key_…' or 'command:user@host'.
  actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 300),
  action text NOT NULL,
  reference text,
  detail jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, action_id)
);
CREATE TRIGGER operator_actions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_actions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What an operator must be told at once: a violation of the ledger, sealing that was refused.
CREATE TABLE operator_events (
  event_id uuid PRIMARY KEY,
  type text NOT NULL,
  account_id uuid,
  detail jsonb NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX operator_events_newest_first ON operator_events (created_at DESC, event_id DESC);
`,
};
