import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE batches (
  account_id uuid NOT NULL REFERENCES accounts,
  batch_id uuid NOT NULL,
  request_id text NOT NULL CHECK (length(request_id) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL,
  model text NOT NULL,
  status text NOT NULL DEFAULT 'queued'
    CHECK (status IN ('queued', 'processing', 'completed', 'partial', 'failed', 'canceled')),
  total integer NOT NULL CHECK (total > 0),
  succeeded integer NOT NULL DEFAULT 0 CHECK (succeeded >= 0),
  failed integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
  canceled integer NOT NULL DEFAULT 0 CHECK (canceled >= 0),
  unit_price bigint NOT NULL CHECK (unit_price > 0),
  terms jsonb NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  max_failure_rate double precision CHECK (max_failure_rate BETWEEN 0 AND 1),
  sample_finished integer NOT NULL DEFAULT 0,
  sample_failed integer NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  webhook_endpoint_id uuid,
  retry_of uuid,
  cancel_requested_at timestamptz,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  deadline_at timestamptz NOT NULL,
  route text,
  PRIMARY KEY (account_id, batch_id),
  UNIQUE (account_id, request_id),
  CHECK (succeeded + failed + canceled <= total),
  CHECK ((status IN ('queued', 'processing')) = (finished_at IS NULL)),
  CHECK (status IN ('queued', 'processing') OR succeeded + failed + canceled = total),
  CHECK (status <> 'processing' OR started_at IS NOT NULL),
  CHECK (status <> 'completed' OR succeeded = total),
  CHECK (status <> 'failed' OR (succeeded = 0 AND canceled = 0)),
  CHECK (status <> 'partial' OR (succeeded > 0 AND failed > 0 AND canceled = 0)),
  CHECK (status <> 'canceled' OR canceled > 0)
) WITH (fillfactor = 50);
CREATE INDEX batches_newest_first ON batches (account_id, created_at DESC, batch_id DESC);
COMMENT ON TABLE batches IS 'One row per batch, with counters of its tasks.';
COMMENT ON COLUMN batches.unit_price IS 'Credits per task when the batch was created: the price that the customer agreed to.';
COMMENT ON COLUMN batches.terms IS 'For each failure type, whether a task is refunded or forfeited; as agreed when the batch was created.';
COMMENT ON COLUMN batches.sample_finished IS 'Finished tasks since the batch started or was last resumed.';
COMMENT ON COLUMN batches.sample_failed IS 'Failed tasks since the batch started or was last resumed.';
COMMENT ON COLUMN batches.route IS
  'The upstream that serves the batch. batch_schedule has it too, but its row is deleted when the batch ends.';

CREATE TABLE tasks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL CHECK (task_index >= 0),
  custom_id text,
  prompt text NOT NULL,
  params jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'submitting', 'running', 'unknown', 'succeeded', 'failed', 'canceled')),
  fence bigint NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  upstream_id text,
  submitted_at timestamptz,
  timeout_at timestamptz,
  unknown_since timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  resolution text CHECK (resolution IN ('charge', 'refund', 'forfeit')),
  failure_type text,
  failure_detail text,
  video_key text,
  video_bytes bigint,
  video_sha256 bytea,
  video_content_type text,
  PRIMARY KEY (account_id, batch_id, task_index),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches,
  CHECK ((state IN ('succeeded', 'failed', 'canceled')) = (resolution IS NOT NULL)),
  CHECK ((resolution IS NULL) = (finished_at IS NULL)),
  CHECK ((state = 'succeeded') = (resolution IS NOT DISTINCT FROM 'charge')),
  CHECK (state <> 'succeeded' OR (video_key IS NOT NULL AND video_bytes > 0
    AND length(video_sha256) = 32 AND video_content_type IS NOT NULL)),
  CHECK ((state IN ('failed', 'canceled')) = (failure_type IS NOT NULL)),
  CHECK (state NOT IN ('submitting', 'running', 'unknown')
    OR (fence > 0 AND attempt > 0 AND submitted_at IS NOT NULL AND timeout_at IS NOT NULL)),
  CHECK (state <> 'running' OR upstream_id IS NOT NULL),
  CHECK (state <> 'unknown' OR unknown_since IS NOT NULL),
  CHECK (unknown_since IS NULL OR state IN ('unknown', 'failed'))
  -- Each task is written three times on its way. With half of each page free all three stay on it and touch no index.
) WITH (fillfactor = 50);
COMMENT ON TABLE tasks IS 'One row per task of a batch. Its state is in no index, so that every update of a task is HOT.';
COMMENT ON COLUMN tasks.fence IS 'Grows with every claim and release. Every write checks it in its WHERE.';
COMMENT ON COLUMN tasks.attempt IS 'Grows with every submission.';
COMMENT ON COLUMN tasks.failures IS 'Failed attempts that count towards the limit of retries.';
COMMENT ON COLUMN tasks.unknown_since IS
  'Since when the outcome of the submission is unknown. It stays when the task fails, because the upstream may still have a generation of it.';
COMMENT ON COLUMN tasks.failure_detail IS 'The upstream''s own text, for the operator only.';

CREATE TABLE batch_failures (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  failure_type text NOT NULL,
  tasks integer NOT NULL CHECK (tasks > 0),
  PRIMARY KEY (account_id, batch_id, failure_type),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches
) WITH (fillfactor = 50);
COMMENT ON TABLE batch_failures IS 'Number of finished tasks of a batch by failure type.';
`,
};
