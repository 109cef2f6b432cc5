export const events = {
  name: '0006_events',
  sql: /* sql */ `
-- The outbox and the customer's event list in one: written by the transaction that made the change.
CREATE TABLE events (
  account_id uuid NOT NULL REFERENCES accounts,
  seq bigint NOT NULL CHECK (seq > 0),
  type text NOT NULL,
  batch_id uuid,
  task_index integer,
  -- Set when the event goes to one endpoint only.
  endpoint_id uuid,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, seq)
);
CREATE TRIGGER events_are_append_only BEFORE UPDATE OR TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE webhook_endpoints (
  account_id uuid NOT NULL REFERENCES accounts,
  endpoint_id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) <= 2048),
  description text,
  event_types text[] NOT NULL DEFAULT '{}',
  enabled boolean NOT NULL DEFAULT true,
  disabled_reason text,
  -- AES-256-GCM, account and endpoint id bound in as additional data.
  sealed_secret bytea NOT NULL,
  -- Events up to here have become deliveries.
  fanned_out_seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (account_id, endpoint_id)
) WITH (fillfactor = 50);

CREATE TABLE webhook_deliveries (
  account_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'exhausted')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at timestamptz,
  -- Until then one worker is at it; past it, that worker is taken for dead and another may repeat the attempt.
  locked_until timestamptz,
  -- Grows with every claim, so that a worker that was stopped past its lock cannot undo what the next one decided.
  fence bigint NOT NULL DEFAULT 0,
  exhausted_reason text CHECK (exhausted_reason IN ('attempts_used_up', 'endpoint_disabled', 'endpoint_deleted')),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, endpoint_id, event_seq),
  FOREIGN KEY (account_id, endpoint_id) REFERENCES webhook_endpoints,
  FOREIGN KEY (account_id, event_seq) REFERENCES events,
  CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
  CHECK ((state = 'exhausted') = (exhausted_reason IS NOT NULL)),
  CHECK (state = 'pending' OR locked_until IS NULL)
) WITH (fillfactor = 70);
-- Leads with the endpoint, so that the due deliveries of each are found without wading through another one's backlog.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (account_id, endpoint_id, next_attempt_at)
  WHERE state = 'pending';
CREATE INDEX webhook_deliveries_newest_first ON webhook_deliveries (account_id, event_seq DESC, endpoint_id DESC);

CREATE TABLE webhook_attempts (
  account_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  attempt integer NOT NULL CHECK (attempt > 0),
  started_at timestamptz NOT NULL,
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  status_code integer,
  error text,
  response_excerpt text,
  PRIMARY KEY (account_id, endpoint_id, event_seq, attempt),
  FOREIGN KEY (account_id, endpoint_id, event_seq) REFERENCES webhook_deliveries
);
`,
};
