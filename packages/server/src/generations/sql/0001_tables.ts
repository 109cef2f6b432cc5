import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE upstream_costs (
  route text NOT NULL,
  model text NOT NULL,
  valid_from timestamptz NOT NULL,
  micro_usd bigint NOT NULL CHECK (micro_usd >= 0),
  failed_micro_usd bigint NOT NULL CHECK (failed_micro_usd >= 0),
  PRIMARY KEY (route, model, valid_from)
);
COMMENT ON TABLE upstream_costs IS
  'Cost of one generation for the operator, from a time on. Earlier costs stay, so that a report about the past never changes.';
COMMENT ON COLUMN upstream_costs.micro_usd IS 'In millionths of a US dollar.';
COMMENT ON COLUMN upstream_costs.failed_micro_usd IS 'Cost of a generation that the upstream itself reported as failed, in millionths of a US dollar.';

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
COMMENT ON TABLE upstream_callbacks IS
  'Callbacks from upstreams about submissions whose id we do not know, or whose result may be ready. They count only when a request to the upstream confirms them. Rows are deleted after they were checked.';
`,
};
