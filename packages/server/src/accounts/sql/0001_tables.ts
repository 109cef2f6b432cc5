import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE accounts (
  account_id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  plan text NOT NULL CHECK (plan IN ('pilot', 'growth', 'enterprise')),
  mode text NOT NULL CHECK (mode IN ('live', 'test')),
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'blocked', 'terminated')),
  terms jsonb NOT NULL DEFAULT '{}',
  limits jsonb NOT NULL CHECK (jsonb_typeof(limits) = 'object'),
  max_concurrent_tasks integer NOT NULL GENERATED ALWAYS AS ((limits ->> 'max_concurrent_tasks')::integer) STORED
    CHECK (max_concurrent_tasks > 0),
  weight integer NOT NULL GENERATED ALWAYS AS ((limits ->> 'weight')::integer) STORED CHECK (weight > 0),
  settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
  created_at timestamptz NOT NULL,
  terminated_at timestamptz,
  CHECK ((status = 'terminated') = (terminated_at IS NOT NULL))
);
COMMENT ON TABLE accounts IS 'The customers.';
COMMENT ON COLUMN accounts.terms IS
  'The terms that differ from the default terms, by failure type: {"moderation_input": "refund"}.';
COMMENT ON COLUMN accounts.limits IS
  'The limits of this account, by their names in LIMITS of the contract. They are copied from the plan when the account is opened.';
COMMENT ON COLUMN accounts.max_concurrent_tasks IS 'Copy of the limit with this name, because functions read it for every claim.';
COMMENT ON COLUMN accounts.settings IS
  'The settings that the customer has set, by their names in ACCOUNT_SETTINGS of the contract.';
COMMENT ON COLUMN accounts.weight IS 'Relative share of busy routes: an account of weight 2 gets twice the slots of an account of weight 1.';

CREATE TABLE api_keys (
  account_id uuid NOT NULL REFERENCES accounts,
  key_id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
  last_characters text NOT NULL,
  scopes text[] NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  PRIMARY KEY (account_id, key_id)
);
COMMENT ON TABLE api_keys IS 'API keys of customers.';
COMMENT ON COLUMN api_keys.key_hash IS
  'HMAC-SHA256 of the whole key text. The HMAC key is not in this database.';

CREATE TABLE idempotency_keys (
  account_id uuid NOT NULL REFERENCES accounts,
  route text NOT NULL,
  request_id text NOT NULL CHECK (length(request_id) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL,
  resource_id text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, route, request_id)
);
COMMENT ON TABLE idempotency_keys IS 'The objects that POSTs other than batch creation have created, by request_id; kept for 72 hours.';
`,
};
