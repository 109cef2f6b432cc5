export const generations = {
  name: '0010_generations',
  sql: /* sql */ `
-- The upstream that a batch was given to; batch_schedule, which has it too, goes when the batch ends. Null: from before.
ALTER TABLE batches ADD COLUMN route text;
UPDATE batches b SET route = s.route FROM batch_schedule s
WHERE s.account_id = b.account_id AND s.batch_id = b.batch_id;
UPDATE batches b SET route = a.route
FROM (SELECT DISTINCT ON (account_id, batch_id) account_id, batch_id, route FROM task_attempts) a
WHERE b.route IS NULL AND a.account_id = b.account_id AND a.batch_id = b.batch_id;

-- What one generation costs the operator, in millionths of a US dollar, from a time on. Earlier prices stay, so that a
-- report about the past never changes.
CREATE TABLE upstream_costs (
  route text NOT NULL,
  model text NOT NULL,
  valid_from timestamptz NOT NULL,
  micro_usd bigint NOT NULL CHECK (micro_usd >= 0),
  -- Of a generation that the upstream itself reported as failed.
  failed_micro_usd bigint NOT NULL CHECK (failed_micro_usd >= 0),
  PRIMARY KEY (route, model, valid_from)
);

-- What upstreams posted about submissions whose id we do not know, or whose result may be there. Believed only when a
-- poll agrees; rows go as soon as they have been looked into.
CREATE TABLE upstream_callbacks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  attempt integer NOT NULL,
  upstream_id text NOT NULL CHECK (length(upstream_id) BETWEEN 1 AND 200),
  route text NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, batch_id, task_index, attempt, upstream_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
`,
};
