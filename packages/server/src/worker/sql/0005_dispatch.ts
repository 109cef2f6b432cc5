export const dispatch = {
  name: '0005_dispatch',
  sql: /* sql */ `
-- One row per route. Claims take these row locks first, which makes every concurrency limit exact.
CREATE TABLE dispatch_routes (
  route text PRIMARY KEY,
  max_concurrent_tasks integer NOT NULL CHECK (max_concurrent_tasks >= 0)
);

-- The small scheduling table: one row per unfinished batch.
CREATE TABLE batch_schedule (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  route text NOT NULL,
  -- Tasks below it were claimed at least once.
  cursor_index integer NOT NULL DEFAULT 0,
  total integer NOT NULL,
  -- The last fence given out for this batch.
  fence bigint NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  -- Canceled or past its deadline: nothing of it is sent any more.
  closed boolean NOT NULL DEFAULT false,
  timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
  created_at timestamptz NOT NULL,
  deadline_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches,
  CHECK (cursor_index BETWEEN 0 AND total)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- A claimed range. open = its tasks that are neither final nor given back; the row goes when it reaches zero.
CREATE TABLE task_leases (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  fence bigint NOT NULL,
  -- 'range': came off the cursor; 'retry': tasks out of task_retries between these indexes.
  kind text NOT NULL CHECK (kind IN ('range', 'retry')),
  from_index integer NOT NULL,
  to_index integer NOT NULL,
  open integer NOT NULL CHECK (open >= 0),
  route text NOT NULL,
  worker_id uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, fence),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches,
  CHECK (from_index <= to_index)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Tasks to be tried again, by due time.
CREATE TABLE task_retries (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, task_index),
  FOREIGN KEY (account_id, batch_id, task_index) REFERENCES tasks
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
`,
};
