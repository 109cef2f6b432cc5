export const webhookHealth = {
  name: '0020_webhook_health',
  sql: /* sql */ `
ALTER TABLE webhook_endpoints
  -- Secrets from before rotations that sign as well, newest first, each until its time.
  ADD COLUMN retired_secrets bytea[] NOT NULL DEFAULT '{}',
  ADD COLUMN retired_until timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN last_delivery_at timestamptz,
  -- The first failure since the last accepted attempt; null while it answers.
  ADD COLUMN failing_since timestamptz,
  ADD COLUMN last_failure_at timestamptz,
  -- In this stretch of failures: the deliveries given up, and the warning that followed.
  ADD COLUMN given_up integer NOT NULL DEFAULT 0,
  ADD COLUMN warned_at timestamptz,
  ADD CHECK (cardinality(retired_secrets) = cardinality(retired_until)),
  ADD CHECK (failing_since IS NOT NULL OR (last_failure_at IS NULL AND given_up = 0 AND warned_at IS NULL));

ALTER TABLE webhook_deliveries
  -- Set while one attempt asked for by hand is due: the state that its failure leads back to.
  ADD COLUMN manual_from text CHECK (manual_from IN ('delivered', 'exhausted')),
  ADD CHECK (state = 'pending' OR manual_from IS NULL);
-- For the count that an endpoint shows, and for redeliveries.
CREATE INDEX webhook_deliveries_exhausted ON webhook_deliveries (account_id, endpoint_id, event_seq)
  WHERE state = 'exhausted';

ALTER TABLE webhook_attempts ADD COLUMN manual boolean NOT NULL DEFAULT false;
`,
};
