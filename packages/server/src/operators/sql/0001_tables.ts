import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE operator_keys (
  key_id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
  last_characters text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  CHECK (enabled = (disabled_at IS NULL))
);
COMMENT ON TABLE operator_keys IS 'API keys of operators.';
COMMENT ON COLUMN operator_keys.key_hash IS
  'HMAC-SHA256 of the whole key text. The HMAC key is not in this database.';

CREATE TABLE operator_actions (
  account_id uuid NOT NULL REFERENCES accounts,
  action_id uuid NOT NULL,
  actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 300),
  action text NOT NULL,
  reference text,
  detail jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, action_id)
);
CREATE TRIGGER operator_actions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_actions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE operator_actions IS
  'Actions of operators on accounts, with the person. Only for operators: the customer''s ledger has the reason, but not the person.';
COMMENT ON COLUMN operator_actions.actor IS 'key:key_… or command:user@host.';

CREATE TABLE operator_events (
  event_id uuid PRIMARY KEY,
  type text NOT NULL,
  account_id uuid,
  detail jsonb NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX operator_events_newest_first ON operator_events (created_at DESC, event_id DESC);
COMMENT ON TABLE operator_events IS
  'Events that operators must know at once, such as a violation of the ledger or a refusal to sign.';
`,
};
