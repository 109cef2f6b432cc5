import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
-- No foreign key to the account: rows come in from functions alone, which hold the account row locked.
CREATE TABLE events (
  account_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  type text NOT NULL,
  batch_id uuid,
  task_index integer,
  endpoint_id uuid,
  data jsonb,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, seq),
  CHECK (data IS NOT NULL OR (batch_id IS NOT NULL AND task_index IS NOT NULL))
);
CREATE TRIGGER events_are_append_only BEFORE UPDATE OR TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE events IS
  'The customer''s event list, which is also the outbox for webhooks. An event is written in the transaction of the change that it reports.';
COMMENT ON COLUMN events.endpoint_id IS 'Set when the event goes to one endpoint only.';
COMMENT ON COLUMN events.data IS
  'Data of the event. Null for an event about a task, because the task is final and has all data; writing a copy took a fifth of a settlement.';

CREATE TABLE webhook_endpoints (
  account_id uuid NOT NULL REFERENCES accounts,
  endpoint_id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) <= 2048),
  description text,
  event_types text[] NOT NULL DEFAULT '{}',
  enabled boolean NOT NULL DEFAULT true,
  disabled_reason text,
  sealed_secret bytea NOT NULL,
  fanned_out_seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  deleted_at timestamptz,
  retired_secrets bytea[] NOT NULL DEFAULT '{}',
  retired_until timestamptz[] NOT NULL DEFAULT '{}',
  last_delivery_at timestamptz,
  failing_since timestamptz,
  last_failure_at timestamptz,
  given_up integer NOT NULL DEFAULT 0,
  warned_at timestamptz,
  PRIMARY KEY (account_id, endpoint_id),
  CHECK (cardinality(retired_secrets) = cardinality(retired_until)),
  CHECK (failing_since IS NOT NULL OR (last_failure_at IS NULL AND given_up = 0 AND warned_at IS NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE webhook_endpoints IS 'The URLs that an account''s events are sent to.';
COMMENT ON COLUMN webhook_endpoints.sealed_secret IS
  'The secret, encrypted with AES-256-GCM. Account and endpoint id are the additional data.';
COMMENT ON COLUMN webhook_endpoints.fanned_out_seq IS 'Deliveries exist for all events up to this number.';
COMMENT ON COLUMN webhook_endpoints.retired_secrets IS
  'Older secrets that also sign, newest first, each until its time in retired_until.';
COMMENT ON COLUMN webhook_endpoints.failing_since IS
  'Time of the first failure since the last accepted attempt; null when the last attempt was accepted.';
COMMENT ON COLUMN webhook_endpoints.given_up IS 'Number of deliveries given up since failing_since.';
COMMENT ON COLUMN webhook_endpoints.warned_at IS 'When the customer was warned about these failures.';

CREATE TABLE webhook_deliveries (
  account_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'exhausted')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at timestamptz,
  locked_until timestamptz,
  fence bigint NOT NULL DEFAULT 0,
  exhausted_reason text CHECK (exhausted_reason IN ('attempts_used_up', 'endpoint_disabled', 'endpoint_deleted')),
  created_at timestamptz NOT NULL,
  manual_from text CHECK (manual_from IN ('delivered', 'exhausted')),
  PRIMARY KEY (account_id, endpoint_id, event_seq),
  FOREIGN KEY (account_id, endpoint_id) REFERENCES webhook_endpoints,
  FOREIGN KEY (account_id, event_seq) REFERENCES events,
  CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
  CHECK ((state = 'exhausted') = (exhausted_reason IS NOT NULL)),
  CHECK (state = 'pending' OR locked_until IS NULL),
  CHECK (state = 'pending' OR manual_from IS NULL)
) WITH (fillfactor = 70);
-- Leads with the endpoint, so that the due deliveries of each are found without wading through another one's backlog.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (account_id, endpoint_id, next_attempt_at)
  WHERE state = 'pending';
CREATE INDEX webhook_deliveries_newest_first ON webhook_deliveries (account_id, event_seq DESC, endpoint_id DESC);
-- For the count that an endpoint shows, and for redeliveries.
CREATE INDEX webhook_deliveries_exhausted ON webhook_deliveries (account_id, endpoint_id, event_seq)
  WHERE state = 'exhausted';
COMMENT ON TABLE webhook_deliveries IS 'One row for each event and endpoint that it is sent to.';
COMMENT ON COLUMN webhook_deliveries.locked_until IS
  'Until this time, one worker handles the delivery. After it, the worker counts as dead and another one may repeat the attempt.';
COMMENT ON COLUMN webhook_deliveries.fence IS
  'Grows with every claim, so that a worker whose lock has expired cannot undo what the next worker decided.';
COMMENT ON COLUMN webhook_deliveries.manual_from IS
  'Set while a requested redelivery is due: the state to return to when the attempt fails.';

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
  manual boolean NOT NULL DEFAULT false,
  PRIMARY KEY (account_id, endpoint_id, event_seq, attempt),
  FOREIGN KEY (account_id, endpoint_id, event_seq) REFERENCES webhook_deliveries
);
COMMENT ON TABLE webhook_attempts IS 'Every POST of a delivery, and what the endpoint answered.';
COMMENT ON COLUMN webhook_attempts.manual IS 'True for an attempt that was requested by a redelivery.';
`,
};
