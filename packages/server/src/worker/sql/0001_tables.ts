import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE dispatch_routes (
  route text PRIMARY KEY,
  max_concurrent_tasks integer NOT NULL CHECK (max_concurrent_tasks >= 0),
  virtual_time double precision NOT NULL DEFAULT 0
);
COMMENT ON TABLE dispatch_routes IS
  'One row per route. Every claim locks these rows first, so all concurrency limits are exact.';
COMMENT ON COLUMN dispatch_routes.virtual_time IS
  'Virtual time of start-time fair queueing: an account that comes back starts here. It grows by 1 / weight with each claimed task.';

CREATE TABLE dispatch_shares (
  account_id uuid NOT NULL,
  route text NOT NULL,
  virtual_time double precision NOT NULL,
  PRIMARY KEY (account_id, route)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE dispatch_shares IS 'Virtual time that each account has used on a route: 1 / weight for each task.';

CREATE TABLE batch_schedule (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  route text NOT NULL,
  cursor_index integer NOT NULL DEFAULT 0,
  total integer NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  closed boolean NOT NULL DEFAULT false,
  timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
  created_at timestamptz NOT NULL,
  deadline_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches,
  CHECK (cursor_index BETWEEN 0 AND total)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE batch_schedule IS 'One row per unfinished batch. Claims read this small table.';
COMMENT ON COLUMN batch_schedule.cursor_index IS 'Tasks with a smaller index were claimed at least once.';
COMMENT ON COLUMN batch_schedule.fence IS 'The last fence that was given to a claim of this batch.';
COMMENT ON COLUMN batch_schedule.closed IS 'True when the batch is canceled or past its deadline: its tasks are not sent any more.';

-- Rows of leases and retries come in from functions alone, which hold the rows locked that they refer to: no foreign keys,
-- whose checks cost as much as the insertion.
CREATE TABLE task_leases (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  fence bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('range', 'retry')),
  from_index integer NOT NULL,
  to_index integer NOT NULL,
  open integer NOT NULL CHECK (open >= 0),
  route text NOT NULL,
  worker_id uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, fence),
  CHECK (from_index <= to_index)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE task_leases IS 'A claimed range of tasks, the worker that holds it, and until when.';
COMMENT ON COLUMN task_leases.kind IS
  'range: all tasks between these indexes. retry: tasks from task_retries between these indexes.';
COMMENT ON COLUMN task_leases.open IS
  'Number of its tasks that are not final and not returned. The row is deleted when it reaches zero.';

CREATE TABLE task_retries (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, task_index)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE task_retries IS 'Tasks that wait for another attempt, by due time.';

CREATE TABLE unsettled_tasks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  fence bigint NOT NULL,
  worker_id uuid NOT NULL,
  tasks integer NOT NULL CHECK (tasks > 0),
  open integer NOT NULL CHECK (open >= tasks),
  PRIMARY KEY (account_id, batch_id, fence)
);
COMMENT ON TABLE unsettled_tasks IS
  'Tasks in flight whose outcome is known but cannot be written yet. They do not run upstream any more, so they do not use a slot of their route.';
COMMENT ON COLUMN unsettled_tasks.open IS
  'Open tasks of the lease when the worker reported. The report counts only while the lease still has this number, because then no task was settled since.';

CREATE TABLE task_attempts (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  attempt integer NOT NULL,
  route text NOT NULL,
  failure_type text NOT NULL,
  failure_detail text,
  upstream_id text,
  possible_duplicate boolean NOT NULL,
  submitted_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, task_index, attempt),
  FOREIGN KEY (account_id, batch_id, task_index) REFERENCES tasks
);
COMMENT ON TABLE task_attempts IS 'Attempts that did not end their task. The last attempt is in the row of the task.';
COMMENT ON COLUMN task_attempts.possible_duplicate IS
  'True when the upstream may have started a generation whose outcome is unknown, at the operator''s cost.';

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
COMMENT ON TABLE late_results IS 'Outcomes that came after the task was final. They changed nothing.';
`,
};
