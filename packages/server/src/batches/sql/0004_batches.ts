export const batches = {
  name: '0004_batches',
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
  -- Price and terms as they stood at creation: what the customer agreed to.
  unit_price bigint NOT NULL CHECK (unit_price > 0),
  terms jsonb NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  max_failure_rate double precision CHECK (max_failure_rate BETWEEN 0 AND 1),
  -- Finished and failed tasks since the batch started or was last resumed.
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

CREATE TABLE credit_holds (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  charged bigint NOT NULL DEFAULT 0 CHECK (charged >= 0),
  refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  forfeited bigint NOT NULL DEFAULT 0 CHECK (forfeited >= 0),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  PRIMARY KEY (account_id, batch_id),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches,
  CHECK (charged + refunded + forfeited <= amount),
  CHECK (state = 'open' OR charged + refunded + forfeited = amount)
) WITH (fillfactor = 50);

-- State is in no index, so that every update of a task is HOT.
CREATE TABLE tasks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL CHECK (task_index >= 0),
  custom_id text,
  prompt text NOT NULL,
  params jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'submitting', 'running', 'unknown', 'succeeded', 'failed', 'canceled')),
  -- Grows with every claim and release; stands in the WHERE of every write.
  fence bigint NOT NULL DEFAULT 0,
  -- Grows with every submission.
  attempt integer NOT NULL DEFAULT 0,
  -- What uses up the retries.
  failures integer NOT NULL DEFAULT 0,
  upstream_id text,
  submitted_at timestamptz,
  timeout_at timestamptz,
  unknown_since timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  resolution text CHECK (resolution IN ('charge', 'refund', 'forfeit')),
  failure_type text,
  -- The upstream's own text, for the operator only.
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
  -- Stays on a task that ended while it was unknown: a generation of it may exist upstream.
  CHECK (state <> 'unknown' OR unknown_since IS NOT NULL),
  CHECK (unknown_since IS NULL OR state IN ('unknown', 'failed'))
) WITH (fillfactor = 70);

-- Finished tasks of a batch by failure type.
CREATE TABLE batch_failures (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  failure_type text NOT NULL,
  tasks integer NOT NULL CHECK (tasks > 0),
  PRIMARY KEY (account_id, batch_id, failure_type),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches
) WITH (fillfactor = 50);

-- Attempts that did not end their task; the last attempt is on the task itself.
CREATE TABLE task_attempts (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  attempt integer NOT NULL,
  route text NOT NULL,
  failure_type text NOT NULL,
  failure_detail text,
  upstream_id text,
  -- The upstream may have started a generation that we know nothing of, at the operator's cost.
  possible_duplicate boolean NOT NULL,
  submitted_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, task_index, attempt),
  FOREIGN KEY (account_id, batch_id, task_index) REFERENCES tasks
);

-- Outcomes that came after another outcome had won. They changed nothing.
CREATE TABLE late_results (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  fence bigint NOT NULL,
  outcome text NOT NULL,
  failure_type text,
  upstream_id text,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, task_index, fence, outcome),
  FOREIGN KEY (account_id, batch_id, task_index) REFERENCES tasks
);
`,
};
