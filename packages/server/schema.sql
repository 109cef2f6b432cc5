CREATE TABLE accounts (
  account_id uuid NOT NULL,
  name text NOT NULL,
  plan text NOT NULL,
  mode text NOT NULL,
  status text NOT NULL DEFAULT 'active'::text,
  terms jsonb NOT NULL DEFAULT '{}'::jsonb,
  limits jsonb NOT NULL,
  max_concurrent_tasks integer NOT NULL GENERATED ALWAYS AS (((limits ->> 'max_concurrent_tasks'::text))::integer) STORED,
  weight integer NOT NULL GENERATED ALWAYS AS (((limits ->> 'weight'::text))::integer) STORED,
  settings jsonb NOT NULL DEFAULT '{}'::jsonb,
  created_at timestamp with time zone NOT NULL,
  terminated_at timestamp with time zone,
  CONSTRAINT accounts_pkey PRIMARY KEY (account_id),
  CONSTRAINT accounts_check CHECK (((status = 'terminated'::text) = (terminated_at IS NOT NULL))),
  CONSTRAINT accounts_limits_check CHECK ((jsonb_typeof(limits) = 'object'::text)),
  CONSTRAINT accounts_max_concurrent_tasks_check CHECK ((max_concurrent_tasks > 0)),
  CONSTRAINT accounts_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'test'::text]))),
  CONSTRAINT accounts_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
  CONSTRAINT accounts_plan_check CHECK ((plan = ANY (ARRAY['pilot'::text, 'growth'::text, 'enterprise'::text]))),
  CONSTRAINT accounts_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text)),
  CONSTRAINT accounts_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'blocked'::text, 'terminated'::text]))),
  CONSTRAINT accounts_weight_check CHECK ((weight > 0))
);

COMMENT ON TABLE accounts IS 'The customers.';
COMMENT ON COLUMN accounts.terms IS 'The terms that differ from the default terms, by failure type: {"moderation_input": "refund"}.';
COMMENT ON COLUMN accounts.limits IS 'The limits of this account, by their names in LIMITS of the contract. They are copied from the plan when the account is opened.';
COMMENT ON COLUMN accounts.max_concurrent_tasks IS 'Copy of the limit with this name, because functions read it for every claim.';
COMMENT ON COLUMN accounts.weight IS 'Relative share of busy routes: an account of weight 2 gets twice the slots of an account of weight 1.';
COMMENT ON COLUMN accounts.settings IS 'The settings that the customer has set, by their names in ACCOUNT_SETTINGS of the contract.';

CREATE TABLE api_keys (
  account_id uuid NOT NULL,
  key_id uuid NOT NULL,
  name text NOT NULL,
  key_hash bytea NOT NULL,
  last_characters text NOT NULL,
  scopes text[] NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamp with time zone NOT NULL,
  disabled_at timestamp with time zone,
  CONSTRAINT api_keys_pkey PRIMARY KEY (account_id, key_id),
  CONSTRAINT api_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT api_keys_key_hash_check CHECK ((length(key_hash) = 32)),
  CONSTRAINT api_keys_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);

COMMENT ON TABLE api_keys IS 'API keys of customers.';
COMMENT ON COLUMN api_keys.key_hash IS 'HMAC-SHA256 of the whole key text. The HMAC key is not in this database.';

CREATE TABLE batch_failures (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  failure_type text NOT NULL,
  tasks integer NOT NULL,
  CONSTRAINT batch_failures_pkey PRIMARY KEY (account_id, batch_id, failure_type),
  CONSTRAINT batch_failures_account_id_batch_id_fkey FOREIGN KEY (account_id, batch_id) REFERENCES batches(account_id, batch_id),
  CONSTRAINT batch_failures_tasks_check CHECK ((tasks > 0))
) WITH (fillfactor=50);

COMMENT ON TABLE batch_failures IS 'Number of finished tasks of a batch by failure type.';

CREATE TABLE batch_schedule (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  route text NOT NULL,
  cursor_index integer NOT NULL DEFAULT 0,
  total integer NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  closed boolean NOT NULL DEFAULT false,
  timeout_ms integer NOT NULL,
  created_at timestamp with time zone NOT NULL,
  deadline_at timestamp with time zone NOT NULL,
  CONSTRAINT batch_schedule_pkey PRIMARY KEY (account_id, batch_id),
  CONSTRAINT batch_schedule_account_id_batch_id_fkey FOREIGN KEY (account_id, batch_id) REFERENCES batches(account_id, batch_id),
  CONSTRAINT batch_schedule_check CHECK (((cursor_index >= 0) AND (cursor_index <= total))),
  CONSTRAINT batch_schedule_timeout_ms_check CHECK ((timeout_ms > 0))
) WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

COMMENT ON TABLE batch_schedule IS 'One row per unfinished batch. Claims read this small table.';
COMMENT ON COLUMN batch_schedule.cursor_index IS 'Tasks with a smaller index were claimed at least once.';
COMMENT ON COLUMN batch_schedule.fence IS 'The last fence that was given to a claim of this batch.';
COMMENT ON COLUMN batch_schedule.closed IS 'True when the batch is canceled or past its deadline: its tasks are not sent any more.';

CREATE TABLE batches (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  request_id text NOT NULL,
  request_hash bytea NOT NULL,
  model text NOT NULL,
  status text NOT NULL DEFAULT 'queued'::text,
  total integer NOT NULL,
  succeeded integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  canceled integer NOT NULL DEFAULT 0,
  unit_price bigint NOT NULL,
  terms jsonb NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
  max_failure_rate double precision,
  sample_finished integer NOT NULL DEFAULT 0,
  sample_failed integer NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  webhook_endpoint_id uuid,
  retry_of uuid,
  cancel_requested_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  deadline_at timestamp with time zone NOT NULL,
  route text,
  CONSTRAINT batches_pkey PRIMARY KEY (account_id, batch_id),
  CONSTRAINT batches_account_id_request_id_key UNIQUE (account_id, request_id),
  CONSTRAINT batches_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT batches_canceled_check CHECK ((canceled >= 0)),
  CONSTRAINT batches_check CHECK ((((succeeded + failed) + canceled) <= total)),
  CONSTRAINT batches_check1 CHECK (((status = ANY (ARRAY['queued'::text, 'processing'::text])) = (finished_at IS NULL))),
  CONSTRAINT batches_check2 CHECK (((status = ANY (ARRAY['queued'::text, 'processing'::text])) OR (((succeeded + failed) + canceled) = total))),
  CONSTRAINT batches_check3 CHECK (((status <> 'processing'::text) OR (started_at IS NOT NULL))),
  CONSTRAINT batches_check4 CHECK (((status <> 'completed'::text) OR (succeeded = total))),
  CONSTRAINT batches_check5 CHECK (((status <> 'failed'::text) OR ((succeeded = 0) AND (canceled = 0)))),
  CONSTRAINT batches_check6 CHECK (((status <> 'partial'::text) OR ((succeeded > 0) AND (failed > 0) AND (canceled = 0)))),
  CONSTRAINT batches_check7 CHECK (((status <> 'canceled'::text) OR (canceled > 0))),
  CONSTRAINT batches_failed_check CHECK ((failed >= 0)),
  CONSTRAINT batches_max_failure_rate_check CHECK (((max_failure_rate >= (0)::double precision) AND (max_failure_rate <= (1)::double precision))),
  CONSTRAINT batches_request_id_check CHECK (((length(request_id) >= 1) AND (length(request_id) <= 255))),
  CONSTRAINT batches_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'processing'::text, 'completed'::text, 'partial'::text, 'failed'::text, 'canceled'::text]))),
  CONSTRAINT batches_succeeded_check CHECK ((succeeded >= 0)),
  CONSTRAINT batches_total_check CHECK ((total > 0)),
  CONSTRAINT batches_unit_price_check CHECK ((unit_price > 0))
) WITH (fillfactor=50);

CREATE INDEX batches_newest_first ON public.batches USING btree (account_id, created_at DESC, batch_id DESC);

COMMENT ON TABLE batches IS 'One row per batch, with counters of its tasks.';
COMMENT ON COLUMN batches.unit_price IS 'Credits per task when the batch was created: the price that the customer agreed to.';
COMMENT ON COLUMN batches.terms IS 'For each failure type, whether a task is refunded or forfeited; as agreed when the batch was created.';
COMMENT ON COLUMN batches.sample_finished IS 'Finished tasks since the batch started or was last resumed.';
COMMENT ON COLUMN batches.sample_failed IS 'Failed tasks since the batch started or was last resumed.';
COMMENT ON COLUMN batches.route IS 'The upstream that serves the batch. batch_schedule has it too, but its row is deleted when the batch ends.';

CREATE TABLE credit_accounts (
  account_id uuid NOT NULL,
  available bigint NOT NULL DEFAULT 0,
  reserved bigint NOT NULL DEFAULT 0,
  spent bigint NOT NULL DEFAULT 0,
  issued bigint NOT NULL DEFAULT 0,
  debt bigint NOT NULL DEFAULT 0,
  last_seq bigint NOT NULL DEFAULT 0,
  last_entry_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
  last_event_seq bigint NOT NULL DEFAULT 0,
  CONSTRAINT credit_accounts_pkey PRIMARY KEY (account_id),
  CONSTRAINT credit_accounts_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT credit_accounts_available_check CHECK ((available >= 0)),
  CONSTRAINT credit_accounts_check CHECK ((((available + reserved) + spent) = issued)),
  CONSTRAINT credit_accounts_debt_check CHECK ((debt >= 0)),
  CONSTRAINT credit_accounts_issued_check CHECK (((issued >= 0) AND (issued <= '9007199254740991'::bigint))),
  CONSTRAINT credit_accounts_last_event_seq_check CHECK ((last_event_seq >= 0)),
  CONSTRAINT credit_accounts_last_seq_check CHECK ((last_seq >= 0)),
  CONSTRAINT credit_accounts_reserved_check CHECK ((reserved >= 0)),
  CONSTRAINT credit_accounts_spent_check CHECK ((spent >= 0))
) WITH (fillfactor=20);

COMMENT ON TABLE credit_accounts IS 'The balances of each account. Only a transaction that has locked the row may number the account''s entries and events.';
COMMENT ON COLUMN credit_accounts.issued IS 'Credits from purchases and grants, minus revoked credits.';
COMMENT ON COLUMN credit_accounts.debt IS 'Credits that revocations could not take yet. A debt blocks new reservations.';
COMMENT ON COLUMN credit_accounts.last_seq IS 'The number of the account''s last ledger entry.';
COMMENT ON COLUMN credit_accounts.last_entry_at IS 'Time of the last entry. A later entry never has an earlier time.';
COMMENT ON COLUMN credit_accounts.last_event_seq IS 'The number of the account''s last event.';

CREATE TABLE credit_holds (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  amount bigint NOT NULL,
  charged bigint NOT NULL DEFAULT 0,
  refunded bigint NOT NULL DEFAULT 0,
  forfeited bigint NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'open'::text,
  CONSTRAINT credit_holds_pkey PRIMARY KEY (account_id, batch_id),
  CONSTRAINT credit_holds_account_id_batch_id_fkey FOREIGN KEY (account_id, batch_id) REFERENCES batches(account_id, batch_id),
  CONSTRAINT credit_holds_amount_check CHECK ((amount > 0)),
  CONSTRAINT credit_holds_charged_check CHECK ((charged >= 0)),
  CONSTRAINT credit_holds_check CHECK ((((charged + refunded) + forfeited) <= amount)),
  CONSTRAINT credit_holds_check1 CHECK (((state = 'open'::text) OR (((charged + refunded) + forfeited) = amount))),
  CONSTRAINT credit_holds_forfeited_check CHECK ((forfeited >= 0)),
  CONSTRAINT credit_holds_refunded_check CHECK ((refunded >= 0)),
  CONSTRAINT credit_holds_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text])))
) WITH (fillfactor=50);

COMMENT ON TABLE credit_holds IS 'The credits that each batch reserved, and how they were used. Closed when every task is final.';

CREATE TABLE credit_ledger (
  account_id uuid NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  from_bucket text NOT NULL,
  to_bucket text NOT NULL,
  amount bigint NOT NULL,
  available_after bigint NOT NULL,
  reserved_after bigint NOT NULL,
  spent_after bigint NOT NULL,
  batch_id uuid,
  task_index integer,
  reverses_seq bigint,
  reason text,
  reference text,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT credit_ledger_pkey PRIMARY KEY (account_id, seq),
  CONSTRAINT credit_ledger_amount_check CHECK ((amount > 0)),
  CONSTRAINT credit_ledger_available_after_check CHECK ((available_after >= 0)),
  CONSTRAINT credit_ledger_check CHECK (((NOT (from_bucket IS DISTINCT FROM entry_from_bucket(kind))) AND (NOT (to_bucket IS DISTINCT FROM entry_to_bucket(kind))))),
  CONSTRAINT credit_ledger_check1 CHECK (((kind = ANY (ARRAY['reserve'::text, 'charge'::text, 'refund'::text, 'forfeit'::text])) = (batch_id IS NOT NULL))),
  CONSTRAINT credit_ledger_check2 CHECK (((kind = ANY (ARRAY['charge'::text, 'refund'::text, 'forfeit'::text])) = (task_index IS NOT NULL))),
  CONSTRAINT credit_ledger_check3 CHECK (((kind = 'reversal'::text) = (reverses_seq IS NOT NULL))),
  CONSTRAINT credit_ledger_check4 CHECK ((reverses_seq < seq)),
  CONSTRAINT credit_ledger_check5 CHECK (((kind <> ALL (ARRAY['purchase'::text, 'grant'::text, 'reversal'::text, 'revoke'::text])) OR ((reason IS NOT NULL) AND (reference IS NOT NULL)))),
  CONSTRAINT credit_ledger_check6 CHECK (((kind <> 'forfeit'::text) OR (reason IS NOT NULL))),
  CONSTRAINT credit_ledger_reserved_after_check CHECK ((reserved_after >= 0)),
  CONSTRAINT credit_ledger_seq_check CHECK ((seq > 0)),
  CONSTRAINT credit_ledger_spent_after_check CHECK ((spent_after >= 0))
);

CREATE INDEX credit_ledger_reversals ON public.credit_ledger USING btree (account_id, reverses_seq) WHERE (kind = 'reversal'::text);

CREATE UNIQUE INDEX credit_ledger_one_issue_per_reference ON public.credit_ledger USING btree (account_id, reference) WHERE (kind = ANY (ARRAY['purchase'::text, 'grant'::text]));

CREATE UNIQUE INDEX credit_ledger_one_reserve_per_batch ON public.credit_ledger USING btree (account_id, batch_id) WHERE (kind = 'reserve'::text);

CREATE UNIQUE INDEX credit_ledger_one_resolution_per_task ON public.credit_ledger USING btree (account_id, batch_id, task_index) WHERE (kind = ANY (ARRAY['charge'::text, 'refund'::text, 'forfeit'::text]));

CREATE UNIQUE INDEX credit_ledger_one_reversal_per_reference ON public.credit_ledger USING btree (account_id, reference) WHERE (kind = 'reversal'::text);

CREATE TRIGGER credit_ledger_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.credit_ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER credit_ledger_rows_are_append_only BEFORE DELETE OR UPDATE ON public.credit_ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();

COMMENT ON TABLE credit_ledger IS 'Every movement of credits, kept for ever: amount goes from from_bucket to to_bucket. Numbered without gaps per account.';
COMMENT ON COLUMN credit_ledger.available_after IS 'Available credits after this entry. reserved_after and spent_after are the other balances.';
COMMENT ON COLUMN credit_ledger.reverses_seq IS 'The charge or forfeit that a reversal gives back, completely or in part.';
COMMENT ON COLUMN credit_ledger.reference IS 'The payment, ticket or other document that is the reason for the entry.';

CREATE TABLE credit_revocations (
  account_id uuid NOT NULL,
  reference text NOT NULL,
  position bigint NOT NULL,
  amount bigint NOT NULL,
  revoked bigint NOT NULL,
  reason text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT credit_revocations_pkey PRIMARY KEY (account_id, reference),
  CONSTRAINT credit_revocations_account_id_position_key UNIQUE (account_id, "position"),
  CONSTRAINT credit_revocations_account_id_fkey FOREIGN KEY (account_id) REFERENCES credit_accounts(account_id),
  CONSTRAINT credit_revocations_amount_check CHECK ((amount > 0)),
  CONSTRAINT credit_revocations_check CHECK ((revoked <= amount)),
  CONSTRAINT credit_revocations_position_check CHECK (("position" > 0)),
  CONSTRAINT credit_revocations_reference_check CHECK (((length(reference) >= 1) AND (length(reference) <= 200))),
  CONSTRAINT credit_revocations_revoked_check CHECK ((revoked >= 0))
);

COMMENT ON TABLE credit_revocations IS 'Revocations. A revocation takes available credits at once; the rest is the account''s debt, and later purchases pay it. Its ledger entries have its reference.';
COMMENT ON COLUMN credit_revocations.position IS 'The order in which debts are settled.';
COMMENT ON COLUMN credit_revocations.revoked IS 'Credits that were taken so far; the rest of amount is debt.';

CREATE TABLE dispatch_routes (
  route text NOT NULL,
  max_concurrent_tasks integer NOT NULL,
  virtual_time double precision NOT NULL DEFAULT 0,
  CONSTRAINT dispatch_routes_pkey PRIMARY KEY (route),
  CONSTRAINT dispatch_routes_max_concurrent_tasks_check CHECK ((max_concurrent_tasks >= 0))
);

COMMENT ON TABLE dispatch_routes IS 'One row per route. Every claim locks these rows first, so all concurrency limits are exact.';
COMMENT ON COLUMN dispatch_routes.virtual_time IS 'Virtual time of start-time fair queueing: an account that comes back starts here. It grows by 1 / weight with each claimed task.';

CREATE TABLE dispatch_shares (
  account_id uuid NOT NULL,
  route text NOT NULL,
  virtual_time double precision NOT NULL,
  CONSTRAINT dispatch_shares_pkey PRIMARY KEY (account_id, route)
) WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

COMMENT ON TABLE dispatch_shares IS 'Virtual time that each account has used on a route: 1 / weight for each task.';

CREATE TABLE events (
  account_id uuid NOT NULL,
  seq bigint NOT NULL,
  type text NOT NULL,
  batch_id uuid,
  task_index integer,
  endpoint_id uuid,
  data jsonb,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT events_pkey PRIMARY KEY (account_id, seq),
  CONSTRAINT events_check CHECK (((data IS NOT NULL) OR ((batch_id IS NOT NULL) AND (task_index IS NOT NULL)))),
  CONSTRAINT events_seq_check CHECK ((seq > 0))
);

CREATE TRIGGER events_are_append_only BEFORE UPDATE OR TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

COMMENT ON TABLE events IS 'The customer''s event list, which is also the outbox for webhooks. An event is written in the transaction of the change that it reports.';
COMMENT ON COLUMN events.endpoint_id IS 'Set when the event goes to one endpoint only.';
COMMENT ON COLUMN events.data IS 'Data of the event. Null for an event about a task, because the task is final and has all data; writing a copy took a fifth of a settlement.';

CREATE TABLE idempotency_keys (
  account_id uuid NOT NULL,
  route text NOT NULL,
  request_id text NOT NULL,
  request_hash bytea NOT NULL,
  resource_id text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, route, request_id),
  CONSTRAINT idempotency_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT idempotency_keys_request_id_check CHECK (((length(request_id) >= 1) AND (length(request_id) <= 255)))
);

COMMENT ON TABLE idempotency_keys IS 'The objects that POSTs other than batch creation have created, by request_id; kept for 72 hours.';

CREATE TABLE late_results (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  fence bigint NOT NULL,
  outcome text NOT NULL,
  failure_type text,
  upstream_id text,
  recorded_at timestamp with time zone NOT NULL,
  CONSTRAINT late_results_pkey PRIMARY KEY (account_id, batch_id, task_index, fence, outcome),
  CONSTRAINT late_results_account_id_batch_id_task_index_fkey FOREIGN KEY (account_id, batch_id, task_index) REFERENCES tasks(account_id, batch_id, task_index)
);

COMMENT ON TABLE late_results IS 'Outcomes that came after the task was final. They changed nothing.';

CREATE TABLE ledger_checkpoints (
  account_id uuid NOT NULL,
  epoch integer NOT NULL,
  size bigint NOT NULL,
  checkpoint text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT ledger_checkpoints_pkey PRIMARY KEY (account_id, epoch, size),
  CONSTRAINT ledger_checkpoints_account_id_epoch_fkey FOREIGN KEY (account_id, epoch) REFERENCES ledger_trees(account_id, epoch),
  CONSTRAINT ledger_checkpoints_size_check CHECK ((size > 0))
);

COMMENT ON TABLE ledger_checkpoints IS 'Every published checkpoint, so that a customer can get proofs for a checkpoint that it kept.';

CREATE TABLE ledger_checks (
  started_at timestamp with time zone NOT NULL,
  finished_at timestamp with time zone NOT NULL,
  accounts bigint NOT NULL,
  violations jsonb NOT NULL,
  reconciliation jsonb NOT NULL,
  CONSTRAINT ledger_checks_pkey PRIMARY KEY (started_at),
  CONSTRAINT ledger_checks_accounts_check CHECK ((accounts >= 0)),
  CONSTRAINT ledger_checks_check CHECK ((finished_at >= started_at))
);

COMMENT ON TABLE ledger_checks IS 'The result of each check of the whole ledger. It also shows that the check ran.';
COMMENT ON COLUMN ledger_checks.violations IS 'Number of violations by broken rule.';
COMMENT ON COLUMN ledger_checks.reconciliation IS 'Comparison of charges and generations in the time since the previous check.';

CREATE TABLE ledger_keys (
  key_id text NOT NULL,
  verifier_key text NOT NULL,
  status text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT ledger_keys_pkey PRIMARY KEY (key_id),
  CONSTRAINT ledger_keys_key_id_check CHECK ((key_id ~ '^[0-9a-f]{8}$'::text)),
  CONSTRAINT ledger_keys_status_check CHECK ((status = ANY (ARRAY['active'::text, 'retired'::text])))
);

CREATE UNIQUE INDEX ledger_keys_one_active ON public.ledger_keys USING btree (status) WHERE (status = 'active'::text);

COMMENT ON TABLE ledger_keys IS 'All public keys that have signed checkpoints. The private keys are not in this database.';
COMMENT ON COLUMN ledger_keys.key_id IS 'The key hash of a signed note, 8 hexadecimal digits.';

CREATE TABLE ledger_sealer (
  only_row boolean NOT NULL DEFAULT true,
  holder uuid,
  fence bigint NOT NULL DEFAULT 0,
  lease_until timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
  checked_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
  CONSTRAINT ledger_sealer_pkey PRIMARY KEY (only_row),
  CONSTRAINT ledger_sealer_only_row_check CHECK (only_row)
);

COMMENT ON TABLE ledger_sealer IS 'One row: the process that seals the ledger.';
COMMENT ON COLUMN ledger_sealer.fence IS 'Every publication checks it in its transaction.';
COMMENT ON COLUMN ledger_sealer.checked_at IS 'When the scheduled check of the ledger last began.';

CREATE TABLE ledger_tree_nodes (
  account_id uuid NOT NULL,
  epoch integer NOT NULL,
  level smallint NOT NULL,
  node_index bigint NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT ledger_tree_nodes_pkey PRIMARY KEY (account_id, epoch, level, node_index),
  CONSTRAINT ledger_tree_nodes_account_id_epoch_fkey FOREIGN KEY (account_id, epoch) REFERENCES ledger_trees(account_id, epoch),
  CONSTRAINT ledger_tree_nodes_hash_check CHECK ((length(hash) = 32)),
  CONSTRAINT ledger_tree_nodes_level_check CHECK ((level >= 8)),
  CONSTRAINT ledger_tree_nodes_node_index_check CHECK ((node_index >= 0))
);

COMMENT ON TABLE ledger_tree_nodes IS 'Hashes of complete subtrees of 256 leaves and more. Smaller ones are computed from at most 255 entries when they are needed.';

CREATE TABLE ledger_trees (
  account_id uuid NOT NULL,
  epoch integer NOT NULL,
  origin text NOT NULL,
  size bigint NOT NULL DEFAULT 0,
  frontier bytea NOT NULL DEFAULT '\x'::bytea,
  root bytea,
  checkpoint text,
  sealed_at timestamp with time zone,
  refused_reason text,
  opened_reason text,
  previous_checkpoint text,
  opened_at timestamp with time zone NOT NULL,
  closed_at timestamp with time zone,
  CONSTRAINT ledger_trees_pkey PRIMARY KEY (account_id, epoch),
  CONSTRAINT ledger_trees_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT ledger_trees_check CHECK (((size = 0) = (root IS NULL))),
  CONSTRAINT ledger_trees_check1 CHECK (((root IS NULL) = (checkpoint IS NULL))),
  CONSTRAINT ledger_trees_check2 CHECK (((epoch = 1) = (opened_reason IS NULL))),
  CONSTRAINT ledger_trees_epoch_check CHECK ((epoch > 0)),
  CONSTRAINT ledger_trees_frontier_check CHECK (((length(frontier) % 32) = 0)),
  CONSTRAINT ledger_trees_root_check CHECK ((length(root) = 32)),
  CONSTRAINT ledger_trees_size_check CHECK ((size >= 0))
) WITH (fillfactor=50);

CREATE UNIQUE INDEX ledger_trees_one_open ON public.ledger_trees USING btree (account_id) WHERE (closed_at IS NULL);

COMMENT ON TABLE ledger_trees IS 'The Merkle tree (RFC 6962) of an account: leaf seq - 1 is entry seq. Only the row of the latest epoch is open.';
COMMENT ON COLUMN ledger_trees.origin IS 'First line of every checkpoint of the tree. It never changes.';
COMMENT ON COLUMN ledger_trees.frontier IS 'The roots of the complete subtrees that form the tree, the largest first: 32 bytes for each 1 in the binary form of size.';
COMMENT ON COLUMN ledger_trees.checkpoint IS 'The signed note over this size and root.';
COMMENT ON COLUMN ledger_trees.refused_reason IS 'Why signing is refused for this account; null when it is not refused.';
COMMENT ON COLUMN ledger_trees.opened_reason IS 'Why this epoch was opened.';
COMMENT ON COLUMN ledger_trees.previous_checkpoint IS 'The last checkpoint signed before this epoch.';

CREATE TABLE operator_actions (
  account_id uuid NOT NULL,
  action_id uuid NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  reference text,
  detail jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT operator_actions_pkey PRIMARY KEY (account_id, action_id),
  CONSTRAINT operator_actions_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT operator_actions_actor_check CHECK (((length(actor) >= 1) AND (length(actor) <= 300)))
);

CREATE TRIGGER operator_actions_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.operator_actions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

COMMENT ON TABLE operator_actions IS 'Actions of operators on accounts, with the person. Only for operators: the customer''s ledger has the reason, but not the person.';
COMMENT ON COLUMN operator_actions.actor IS 'key:key_… or command:user@host.';

CREATE TABLE operator_events (
  event_id uuid NOT NULL,
  type text NOT NULL,
  account_id uuid,
  detail jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT operator_events_pkey PRIMARY KEY (event_id)
);

CREATE INDEX operator_events_newest_first ON public.operator_events USING btree (created_at DESC, event_id DESC);

COMMENT ON TABLE operator_events IS 'Events that operators must know at once, such as a violation of the ledger or a refusal to sign.';

CREATE TABLE operator_keys (
  key_id uuid NOT NULL,
  name text NOT NULL,
  key_hash bytea NOT NULL,
  last_characters text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamp with time zone NOT NULL,
  disabled_at timestamp with time zone,
  CONSTRAINT operator_keys_pkey PRIMARY KEY (key_id),
  CONSTRAINT operator_keys_check CHECK ((enabled = (disabled_at IS NULL))),
  CONSTRAINT operator_keys_key_hash_check CHECK ((length(key_hash) = 32)),
  CONSTRAINT operator_keys_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);

COMMENT ON TABLE operator_keys IS 'API keys of operators.';
COMMENT ON COLUMN operator_keys.key_hash IS 'HMAC-SHA256 of the whole key text. The HMAC key is not in this database.';

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
  submitted_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone NOT NULL,
  CONSTRAINT task_attempts_pkey PRIMARY KEY (account_id, batch_id, task_index, attempt),
  CONSTRAINT task_attempts_account_id_batch_id_task_index_fkey FOREIGN KEY (account_id, batch_id, task_index) REFERENCES tasks(account_id, batch_id, task_index)
);

COMMENT ON TABLE task_attempts IS 'Attempts that did not end their task. The last attempt is in the row of the task.';
COMMENT ON COLUMN task_attempts.possible_duplicate IS 'True when the upstream may have started a generation whose outcome is unknown, at the operator''s cost.';

CREATE TABLE task_leases (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  fence bigint NOT NULL,
  kind text NOT NULL,
  from_index integer NOT NULL,
  to_index integer NOT NULL,
  open integer NOT NULL,
  route text NOT NULL,
  worker_id uuid NOT NULL,
  lease_until timestamp with time zone NOT NULL,
  CONSTRAINT task_leases_pkey PRIMARY KEY (account_id, batch_id, fence),
  CONSTRAINT task_leases_check CHECK ((from_index <= to_index)),
  CONSTRAINT task_leases_kind_check CHECK ((kind = ANY (ARRAY['range'::text, 'retry'::text]))),
  CONSTRAINT task_leases_open_check CHECK ((open >= 0))
) WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

COMMENT ON TABLE task_leases IS 'A claimed range of tasks, the worker that holds it, and until when.';
COMMENT ON COLUMN task_leases.kind IS 'range: all tasks between these indexes. retry: tasks from task_retries between these indexes.';
COMMENT ON COLUMN task_leases.open IS 'Number of its tasks that are not final and not returned. The row is deleted when it reaches zero.';

CREATE TABLE task_retries (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  due_at timestamp with time zone NOT NULL,
  CONSTRAINT task_retries_pkey PRIMARY KEY (account_id, batch_id, task_index)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

COMMENT ON TABLE task_retries IS 'Tasks that wait for another attempt, by due time.';

CREATE TABLE tasks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  custom_id text,
  prompt text NOT NULL,
  params jsonb NOT NULL DEFAULT '{}'::jsonb,
  state text NOT NULL DEFAULT 'queued'::text,
  fence bigint NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  upstream_id text,
  submitted_at timestamp with time zone,
  timeout_at timestamp with time zone,
  unknown_since timestamp with time zone,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  resolution text,
  failure_type text,
  failure_detail text,
  video_key text,
  video_bytes bigint,
  video_sha256 bytea,
  video_content_type text,
  CONSTRAINT tasks_pkey PRIMARY KEY (account_id, batch_id, task_index),
  CONSTRAINT tasks_account_id_batch_id_fkey FOREIGN KEY (account_id, batch_id) REFERENCES batches(account_id, batch_id),
  CONSTRAINT tasks_check CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text])) = (resolution IS NOT NULL))),
  CONSTRAINT tasks_check1 CHECK (((resolution IS NULL) = (finished_at IS NULL))),
  CONSTRAINT tasks_check2 CHECK (((state = 'succeeded'::text) = (NOT (resolution IS DISTINCT FROM 'charge'::text)))),
  CONSTRAINT tasks_check3 CHECK (((state <> 'succeeded'::text) OR ((video_key IS NOT NULL) AND (video_bytes > 0) AND (length(video_sha256) = 32) AND (video_content_type IS NOT NULL)))),
  CONSTRAINT tasks_check4 CHECK (((state = ANY (ARRAY['failed'::text, 'canceled'::text])) = (failure_type IS NOT NULL))),
  CONSTRAINT tasks_check5 CHECK (((state <> ALL (ARRAY['submitting'::text, 'running'::text, 'unknown'::text])) OR ((fence > 0) AND (attempt > 0) AND (submitted_at IS NOT NULL) AND (timeout_at IS NOT NULL)))),
  CONSTRAINT tasks_check6 CHECK (((state <> 'running'::text) OR (upstream_id IS NOT NULL))),
  CONSTRAINT tasks_check7 CHECK (((state <> 'unknown'::text) OR (unknown_since IS NOT NULL))),
  CONSTRAINT tasks_check8 CHECK (((unknown_since IS NULL) OR (state = ANY (ARRAY['unknown'::text, 'failed'::text])))),
  CONSTRAINT tasks_resolution_check CHECK ((resolution = ANY (ARRAY['charge'::text, 'refund'::text, 'forfeit'::text]))),
  CONSTRAINT tasks_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'submitting'::text, 'running'::text, 'unknown'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text]))),
  CONSTRAINT tasks_task_index_check CHECK ((task_index >= 0))
) WITH (fillfactor=50);

COMMENT ON TABLE tasks IS 'One row per task of a batch. Its state is in no index, so that every update of a task is HOT.';
COMMENT ON COLUMN tasks.fence IS 'Grows with every claim and release. Every write checks it in its WHERE.';
COMMENT ON COLUMN tasks.attempt IS 'Grows with every submission.';
COMMENT ON COLUMN tasks.failures IS 'Failed attempts that count towards the limit of retries.';
COMMENT ON COLUMN tasks.unknown_since IS 'Since when the outcome of the submission is unknown. It stays when the task fails, because the upstream may still have a generation of it.';
COMMENT ON COLUMN tasks.failure_detail IS 'The upstream''s own text, for the operator only.';

CREATE TABLE unsettled_tasks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  fence bigint NOT NULL,
  worker_id uuid NOT NULL,
  tasks integer NOT NULL,
  open integer NOT NULL,
  CONSTRAINT unsettled_tasks_pkey PRIMARY KEY (account_id, batch_id, fence),
  CONSTRAINT unsettled_tasks_check CHECK ((open >= tasks)),
  CONSTRAINT unsettled_tasks_tasks_check CHECK ((tasks > 0))
);

COMMENT ON TABLE unsettled_tasks IS 'Tasks in flight whose outcome is known but cannot be written yet. They do not run upstream any more, so they do not use a slot of their route.';
COMMENT ON COLUMN unsettled_tasks.open IS 'Open tasks of the lease when the worker reported. The report counts only while the lease still has this number, because then no task was settled since.';

CREATE TABLE upstream_callbacks (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  task_index integer NOT NULL,
  attempt integer NOT NULL,
  upstream_id text NOT NULL,
  route text NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  due_at timestamp with time zone NOT NULL,
  received_at timestamp with time zone NOT NULL,
  CONSTRAINT upstream_callbacks_pkey PRIMARY KEY (account_id, batch_id, task_index, attempt, upstream_id),
  CONSTRAINT upstream_callbacks_upstream_id_check CHECK (((length(upstream_id) >= 1) AND (length(upstream_id) <= 200)))
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500);

COMMENT ON TABLE upstream_callbacks IS 'Callbacks from upstreams about submissions whose id we do not know, or whose result may be ready. They count only when a request to the upstream confirms them. Rows are deleted after they were checked.';

CREATE TABLE upstream_costs (
  route text NOT NULL,
  model text NOT NULL,
  valid_from timestamp with time zone NOT NULL,
  micro_usd bigint NOT NULL,
  failed_micro_usd bigint NOT NULL,
  CONSTRAINT upstream_costs_pkey PRIMARY KEY (route, model, valid_from),
  CONSTRAINT upstream_costs_failed_micro_usd_check CHECK ((failed_micro_usd >= 0)),
  CONSTRAINT upstream_costs_micro_usd_check CHECK ((micro_usd >= 0))
);

COMMENT ON TABLE upstream_costs IS 'Cost of one generation for the operator, from a time on. Earlier costs stay, so that a report about the past never changes.';
COMMENT ON COLUMN upstream_costs.micro_usd IS 'In millionths of a US dollar.';
COMMENT ON COLUMN upstream_costs.failed_micro_usd IS 'Cost of a generation that the upstream itself reported as failed, in millionths of a US dollar.';

CREATE TABLE webhook_attempts (
  account_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  attempt integer NOT NULL,
  started_at timestamp with time zone NOT NULL,
  duration_ms integer NOT NULL,
  status_code integer,
  error text,
  response_excerpt text,
  manual boolean NOT NULL DEFAULT false,
  CONSTRAINT webhook_attempts_pkey PRIMARY KEY (account_id, endpoint_id, event_seq, attempt),
  CONSTRAINT webhook_attempts_account_id_endpoint_id_event_seq_fkey FOREIGN KEY (account_id, endpoint_id, event_seq) REFERENCES webhook_deliveries(account_id, endpoint_id, event_seq),
  CONSTRAINT webhook_attempts_attempt_check CHECK ((attempt > 0)),
  CONSTRAINT webhook_attempts_duration_ms_check CHECK ((duration_ms >= 0))
);

COMMENT ON TABLE webhook_attempts IS 'Every POST of a delivery, and what the endpoint answered.';
COMMENT ON COLUMN webhook_attempts.manual IS 'True for an attempt that was requested by a redelivery.';

CREATE TABLE webhook_deliveries (
  account_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_seq bigint NOT NULL,
  state text NOT NULL DEFAULT 'pending'::text,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamp with time zone,
  locked_until timestamp with time zone,
  fence bigint NOT NULL DEFAULT 0,
  exhausted_reason text,
  created_at timestamp with time zone NOT NULL,
  manual_from text,
  CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (account_id, endpoint_id, event_seq),
  CONSTRAINT webhook_deliveries_account_id_endpoint_id_fkey FOREIGN KEY (account_id, endpoint_id) REFERENCES webhook_endpoints(account_id, endpoint_id),
  CONSTRAINT webhook_deliveries_account_id_event_seq_fkey FOREIGN KEY (account_id, event_seq) REFERENCES events(account_id, seq),
  CONSTRAINT webhook_deliveries_attempts_check CHECK ((attempts >= 0)),
  CONSTRAINT webhook_deliveries_check CHECK (((state = 'pending'::text) = (next_attempt_at IS NOT NULL))),
  CONSTRAINT webhook_deliveries_check1 CHECK (((state = 'exhausted'::text) = (exhausted_reason IS NOT NULL))),
  CONSTRAINT webhook_deliveries_check2 CHECK (((state = 'pending'::text) OR (locked_until IS NULL))),
  CONSTRAINT webhook_deliveries_check3 CHECK (((state = 'pending'::text) OR (manual_from IS NULL))),
  CONSTRAINT webhook_deliveries_exhausted_reason_check CHECK ((exhausted_reason = ANY (ARRAY['attempts_used_up'::text, 'endpoint_disabled'::text, 'endpoint_deleted'::text]))),
  CONSTRAINT webhook_deliveries_manual_from_check CHECK ((manual_from = ANY (ARRAY['delivered'::text, 'exhausted'::text]))),
  CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'exhausted'::text])))
) WITH (fillfactor=70);

CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (account_id, endpoint_id, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX webhook_deliveries_exhausted ON public.webhook_deliveries USING btree (account_id, endpoint_id, event_seq) WHERE (state = 'exhausted'::text);

CREATE INDEX webhook_deliveries_newest_first ON public.webhook_deliveries USING btree (account_id, event_seq DESC, endpoint_id DESC);

COMMENT ON TABLE webhook_deliveries IS 'One row for each event and endpoint that it is sent to.';
COMMENT ON COLUMN webhook_deliveries.locked_until IS 'Until this time, one worker handles the delivery. After it, the worker counts as dead and another one may repeat the attempt.';
COMMENT ON COLUMN webhook_deliveries.fence IS 'Grows with every claim, so that a worker whose lock has expired cannot undo what the next worker decided.';
COMMENT ON COLUMN webhook_deliveries.manual_from IS 'Set while a requested redelivery is due: the state to return to when the attempt fails.';

CREATE TABLE webhook_endpoints (
  account_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  url text NOT NULL,
  description text,
  event_types text[] NOT NULL DEFAULT '{}'::text[],
  enabled boolean NOT NULL DEFAULT true,
  disabled_reason text,
  sealed_secret bytea NOT NULL,
  fanned_out_seq bigint NOT NULL,
  created_at timestamp with time zone NOT NULL,
  deleted_at timestamp with time zone,
  retired_secrets bytea[] NOT NULL DEFAULT '{}'::bytea[],
  retired_until timestamp with time zone[] NOT NULL DEFAULT '{}'::timestamp with time zone[],
  last_delivery_at timestamp with time zone,
  failing_since timestamp with time zone,
  last_failure_at timestamp with time zone,
  given_up integer NOT NULL DEFAULT 0,
  warned_at timestamp with time zone,
  CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (account_id, endpoint_id),
  CONSTRAINT webhook_endpoints_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(account_id),
  CONSTRAINT webhook_endpoints_check CHECK ((cardinality(retired_secrets) = cardinality(retired_until))),
  CONSTRAINT webhook_endpoints_check1 CHECK (((failing_since IS NOT NULL) OR ((last_failure_at IS NULL) AND (given_up = 0) AND (warned_at IS NULL)))),
  CONSTRAINT webhook_endpoints_url_check CHECK ((length(url) <= 2048))
) WITH (fillfactor=50);

COMMENT ON TABLE webhook_endpoints IS 'The URLs that an account''s events are sent to.';
COMMENT ON COLUMN webhook_endpoints.sealed_secret IS 'The secret, encrypted with AES-256-GCM. Account and endpoint id are the additional data.';
COMMENT ON COLUMN webhook_endpoints.fanned_out_seq IS 'Deliveries exist for all events up to this number.';
COMMENT ON COLUMN webhook_endpoints.retired_secrets IS 'Older secrets that also sign, newest first, each until its time in retired_until.';
COMMENT ON COLUMN webhook_endpoints.failing_since IS 'Time of the first failure since the last accepted attempt; null when the last attempt was accepted.';
COMMENT ON COLUMN webhook_endpoints.given_up IS 'Number of deliveries given up since failing_since.';
COMMENT ON COLUMN webhook_endpoints.warned_at IS 'When the customer was warned about these failures.';

CREATE VIEW ledger_violations AS
 WITH replay AS (
         SELECT credit_ledger.account_id,
            credit_ledger.seq,
            credit_ledger.kind,
            credit_ledger.available_after,
            credit_ledger.reserved_after,
            credit_ledger.spent_after,
            credit_ledger.created_at,
            row_number() OVER w AS expected_seq,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.to_bucket = 'available'::text) THEN 1
                    WHEN (credit_ledger.from_bucket = 'available'::text) THEN '-1'::integer
                    ELSE 0
                END)) OVER w AS available,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.to_bucket = 'reserved'::text) THEN 1
                    WHEN (credit_ledger.from_bucket = 'reserved'::text) THEN '-1'::integer
                    ELSE 0
                END)) OVER w AS reserved,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.to_bucket = 'spent'::text) THEN 1
                    WHEN (credit_ledger.from_bucket = 'spent'::text) THEN '-1'::integer
                    ELSE 0
                END)) OVER w AS spent,
            lag(credit_ledger.created_at) OVER w AS previous_at
           FROM credit_ledger
          WINDOW w AS (PARTITION BY credit_ledger.account_id ORDER BY credit_ledger.seq)
        ), totals AS (
         SELECT credit_ledger.account_id,
            max(credit_ledger.seq) AS seq,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.to_bucket = 'available'::text) THEN 1
                    WHEN (credit_ledger.from_bucket = 'available'::text) THEN '-1'::integer
                    ELSE 0
                END)) AS available,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.to_bucket = 'reserved'::text) THEN 1
                    WHEN (credit_ledger.from_bucket = 'reserved'::text) THEN '-1'::integer
                    ELSE 0
                END)) AS reserved,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.to_bucket = 'spent'::text) THEN 1
                    WHEN (credit_ledger.from_bucket = 'spent'::text) THEN '-1'::integer
                    ELSE 0
                END)) AS spent,
            sum((credit_ledger.amount *
                CASE
                    WHEN (credit_ledger.from_bucket = 'external'::text) THEN 1
                    WHEN (credit_ledger.to_bucket = 'external'::text) THEN '-1'::integer
                    ELSE 0
                END)) AS issued
           FROM credit_ledger
          GROUP BY credit_ledger.account_id
        ), reversed AS (
         SELECT credit_ledger.account_id,
            credit_ledger.reverses_seq,
            sum(credit_ledger.amount) AS amount
           FROM credit_ledger
          WHERE (credit_ledger.kind = 'reversal'::text)
          GROUP BY credit_ledger.account_id, credit_ledger.reverses_seq
        ), entry_sums AS NOT MATERIALIZED (
         SELECT credit_ledger.account_id,
            credit_ledger.batch_id,
            sum(credit_ledger.amount) FILTER (WHERE (credit_ledger.kind = 'reserve'::text)) AS reserve,
            COALESCE(sum(credit_ledger.amount) FILTER (WHERE (credit_ledger.kind = 'charge'::text)), (0)::numeric) AS charge,
            COALESCE(sum(credit_ledger.amount) FILTER (WHERE (credit_ledger.kind = 'refund'::text)), (0)::numeric) AS refund,
            COALESCE(sum(credit_ledger.amount) FILTER (WHERE (credit_ledger.kind = 'forfeit'::text)), (0)::numeric) AS forfeit
           FROM credit_ledger
          WHERE (credit_ledger.batch_id IS NOT NULL)
          GROUP BY credit_ledger.account_id, credit_ledger.batch_id
        ), task_sums AS NOT MATERIALIZED (
         SELECT t.account_id,
            t.batch_id,
            count(*) AS tasks,
            count(*) FILTER (WHERE (t.state = 'succeeded'::text)) AS succeeded,
            count(*) FILTER (WHERE (t.state = 'failed'::text)) AS failed,
            count(*) FILTER (WHERE (t.state = 'canceled'::text)) AS canceled,
            count(*) FILTER (WHERE (t.resolution = 'charge'::text)) AS charge,
            count(*) FILTER (WHERE (t.resolution = 'refund'::text)) AS refund,
            count(*) FILTER (WHERE (t.resolution = 'forfeit'::text)) AS forfeit
           FROM tasks t
          GROUP BY t.account_id, t.batch_id
        )
 SELECT r.account_id,
    v.rule,
        CASE v.rule
            WHEN 'entry_gap'::text THEN format('entry %s stands in place %s'::text, r.seq, r.expected_seq)
            WHEN 'running_balance'::text THEN format('entry %s says %s/%s/%s, replay gives %s/%s/%s'::text, r.seq, r.available_after, r.reserved_after, r.spent_after, r.available, r.reserved, r.spent)
            ELSE format('entry %s is earlier than the one before'::text, r.seq)
        END AS detail
   FROM (replay r
     CROSS JOIN LATERAL ( VALUES ('entry_gap'::text,(r.seq <> r.expected_seq)), ('running_balance'::text,((((r.available_after)::numeric IS DISTINCT FROM r.available) OR ((r.reserved_after)::numeric IS DISTINCT FROM r.reserved)) OR ((r.spent_after)::numeric IS DISTINCT FROM r.spent))), ('time_runs_back'::text,(r.created_at < r.previous_at))) v(rule, is_broken))
  WHERE v.is_broken
UNION ALL
 SELECT l.account_id,
    'no_account'::text AS rule,
    format('%s entries belong to no account'::text, l.seq) AS detail
   FROM totals l
  WHERE (NOT (EXISTS ( SELECT
           FROM credit_accounts c
          WHERE (c.account_id = l.account_id))))
UNION ALL
 SELECT c.account_id,
    'balance'::text AS rule,
    format('account says %s/%s/%s/%s at seq %s, replay gives %s/%s/%s/%s at seq %s'::text, c.available, c.reserved, c.spent, c.issued, c.last_seq, COALESCE(e.available, (0)::numeric), COALESCE(e.reserved, (0)::numeric), COALESCE(e.spent, (0)::numeric), COALESCE(e.issued, (0)::numeric), COALESCE(e.seq, (0)::bigint)) AS detail
   FROM (credit_accounts c
     LEFT JOIN totals e USING (account_id))
  WHERE ((((((c.available)::numeric IS DISTINCT FROM COALESCE(e.available, (0)::numeric)) OR ((c.reserved)::numeric IS DISTINCT FROM COALESCE(e.reserved, (0)::numeric))) OR ((c.spent)::numeric IS DISTINCT FROM COALESCE(e.spent, (0)::numeric))) OR ((c.issued)::numeric IS DISTINCT FROM COALESCE(e.issued, (0)::numeric))) OR (c.last_seq IS DISTINCT FROM COALESCE(e.seq, (0)::bigint)))
UNION ALL
 SELECT c.account_id,
    'reserved_is_held'::text AS rule,
    format('reserved %s, open holds %s'::text, c.reserved, COALESCE(h.held, (0)::numeric)) AS detail
   FROM (credit_accounts c
     LEFT JOIN ( SELECT credit_holds.account_id,
            sum((((credit_holds.amount - credit_holds.charged) - credit_holds.refunded) - credit_holds.forfeited)) AS held
           FROM credit_holds
          WHERE (credit_holds.state = 'open'::text)
          GROUP BY credit_holds.account_id) h USING (account_id))
  WHERE ((c.reserved)::numeric <> COALESCE(h.held, (0)::numeric))
UNION ALL
 SELECT h.account_id,
    'hold_entries'::text AS rule,
    format('batch %s: hold %s/%s/%s/%s, entries %s/%s/%s/%s'::text, h.batch_id, h.amount, h.charged, h.refunded, h.forfeited, e.reserve, e.charge, e.refund, e.forfeit) AS detail
   FROM (credit_holds h
     LEFT JOIN entry_sums e USING (account_id, batch_id))
  WHERE (((((h.amount)::numeric IS DISTINCT FROM e.reserve) OR ((h.charged)::numeric IS DISTINCT FROM e.charge)) OR ((h.refunded)::numeric IS DISTINCT FROM e.refund)) OR ((h.forfeited)::numeric IS DISTINCT FROM e.forfeit))
UNION ALL
 SELECT e.account_id,
    'entries_without_hold'::text AS rule,
    format('batch %s has entries and no hold'::text, e.batch_id) AS detail
   FROM (entry_sums e
     LEFT JOIN credit_holds h USING (account_id, batch_id))
  WHERE (h.batch_id IS NULL)
UNION ALL
 SELECT b.account_id,
    'hold_tasks'::text AS rule,
    format('batch %s: hold %s/%s/%s/%s, tasks %s/%s/%s/%s at %s each'::text, b.batch_id, h.amount, h.charged, h.refunded, h.forfeited, t.tasks, t.charge, t.refund, t.forfeit, b.unit_price) AS detail
   FROM ((batches b
     LEFT JOIN credit_holds h USING (account_id, batch_id))
     LEFT JOIN task_sums t USING (account_id, batch_id))
  WHERE ((((h.amount IS DISTINCT FROM (t.tasks * b.unit_price)) OR (h.charged IS DISTINCT FROM (t.charge * b.unit_price))) OR (h.refunded IS DISTINCT FROM (t.refund * b.unit_price))) OR (h.forfeited IS DISTINCT FROM (t.forfeit * b.unit_price)))
UNION ALL
 SELECT b.account_id,
    'batch_counters'::text AS rule,
    format('batch %s (%s): counters %s/%s/%s of %s, tasks %s/%s/%s of %s'::text, b.batch_id, b.status, b.succeeded, b.failed, b.canceled, b.total, t.succeeded, t.failed, t.canceled, t.tasks) AS detail
   FROM (batches b
     LEFT JOIN task_sums t USING (account_id, batch_id))
  WHERE ((((b.succeeded IS DISTINCT FROM t.succeeded) OR (b.failed IS DISTINCT FROM t.failed)) OR (b.canceled IS DISTINCT FROM t.canceled)) OR (b.total IS DISTINCT FROM t.tasks))
UNION ALL
 SELECT b.account_id,
    'closed_hold'::text AS rule,
    format('batch %s is %s with its hold %s'::text, b.batch_id, b.status, h.state) AS detail
   FROM (batches b
     JOIN credit_holds h USING (account_id, batch_id))
  WHERE (((h.state = 'closed'::text) <> (b.finished_at IS NOT NULL)) OR ((h.state = 'open'::text) AND (((b.succeeded + b.failed) + b.canceled) = b.total)))
UNION ALL
 SELECT t.account_id,
    'task_resolution'::text AS rule,
    format('task %s of batch %s is %s, its entry is %s'::text, t.task_index, t.batch_id, COALESCE(t.resolution, t.state), COALESCE(e.kind, 'missing'::text)) AS detail
   FROM (tasks t
     LEFT JOIN credit_ledger e ON (((e.account_id = t.account_id) AND (e.batch_id = t.batch_id) AND (e.task_index = t.task_index) AND (e.kind = ANY (ARRAY['charge'::text, 'refund'::text, 'forfeit'::text])))))
  WHERE (t.resolution IS DISTINCT FROM e.kind)
UNION ALL
 SELECT e.account_id,
    'entry_amount'::text AS rule,
    format('entry %s (%s) moves %s, a task of batch %s costs %s'::text, e.seq, e.kind, e.amount, e.batch_id, b.unit_price) AS detail
   FROM (credit_ledger e
     JOIN batches b USING (account_id, batch_id))
  WHERE ((e.task_index IS NOT NULL) AND (e.amount <> b.unit_price))
UNION ALL
 SELECT e.account_id,
    'entry_without_task'::text AS rule,
    format('entry %s is about task %s of batch %s, which does not exist'::text, e.seq, e.task_index, e.batch_id) AS detail
   FROM (credit_ledger e
     LEFT JOIN tasks t USING (account_id, batch_id, task_index))
  WHERE ((e.task_index IS NOT NULL) AND (t.batch_id IS NULL))
UNION ALL
 SELECT r.account_id,
    'reversal_bounds'::text AS rule,
    format('entry %s (%s of %s) is reversed by %s in all'::text, r.reverses_seq, COALESCE(e.kind, 'missing'::text), e.amount, r.amount) AS detail
   FROM (reversed r
     LEFT JOIN credit_ledger e ON (((e.account_id = r.account_id) AND (e.seq = r.reverses_seq))))
  WHERE ((e.kind IS NULL) OR (e.kind <> ALL (ARRAY['charge'::text, 'forfeit'::text])) OR (r.amount > (e.amount)::numeric))
UNION ALL
 SELECT c.account_id,
    'debt'::text AS rule,
    format('account says %s, its revocations leave %s'::text, c.debt, COALESCE(r.open, (0)::numeric)) AS detail
   FROM (credit_accounts c
     LEFT JOIN ( SELECT credit_revocations.account_id,
            sum((credit_revocations.amount - credit_revocations.revoked)) AS open
           FROM credit_revocations
          GROUP BY credit_revocations.account_id) r USING (account_id))
  WHERE ((c.debt)::numeric <> COALESCE(r.open, (0)::numeric))
UNION ALL
 SELECT r.account_id,
    'revocation_entries'::text AS rule,
    format('revocation %s: %s revoked, entries %s'::text, r.reference, sum(r.revoked), sum(r.entries)) AS detail
   FROM ( SELECT credit_revocations.account_id,
            credit_revocations.reference,
            credit_revocations.revoked,
            0 AS entries
           FROM credit_revocations
        UNION ALL
         SELECT credit_ledger.account_id,
            credit_ledger.reference,
            0,
            credit_ledger.amount
           FROM credit_ledger
          WHERE (credit_ledger.kind = 'revoke'::text)) r
  GROUP BY r.account_id, r.reference
 HAVING (sum(r.revoked) <> sum(r.entries));
COMMENT ON VIEW ledger_violations IS 'Every violation of an invariant of the ledger, with the name of the broken rule. It must always be empty.';

CREATE OR REPLACE FUNCTION public.announce_low_credits(p_before credit_accounts)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_threshold bigint;
  v_available bigint;
BEGIN
  SELECT (settings ->> 'low_credits_threshold')::bigint INTO v_threshold
  FROM accounts WHERE account_id = p_before.account_id;
  -- Without a threshold this is null, so nothing is written.
  IF p_before.available >= v_threshold THEN
    SELECT available INTO v_available FROM credit_accounts WHERE account_id = p_before.account_id;
    IF v_available < v_threshold THEN
      PERFORM append_event(p_before.account_id, 'credits.low', NULL, NULL, NULL,
        jsonb_build_object('available', v_available, 'threshold', v_threshold));
    END IF;
  END IF;
END
$function$;
COMMENT ON FUNCTION announce_low_credits IS 'Writes the event credits.low when the available credits have fallen from the account''s threshold (its setting low_credits_threshold) or more to below it since the row p_before was read. Call it after credits were taken away, with the account row locked. Functions that add credits do not call it. Setting a threshold does not write the event either, also when fewer credits are available already.';

CREATE OR REPLACE FUNCTION public.append_batch_events(p_account_ids uuid[], p_batch_ids uuid[], p_type text, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  v_accounts uuid[];
  v_batches uuid[];
BEGIN
  SELECT array_agg(i.account_id ORDER BY i.account_id, i.batch_id), array_agg(i.batch_id ORDER BY i.account_id, i.batch_id)
  INTO v_accounts, v_batches
  FROM unnest(p_account_ids, p_batch_ids) AS i(account_id, batch_id);
  PERFORM write_batch_events(v_accounts, v_batches, number_events(v_accounts), p_type, p_reason);
END
$function$;
COMMENT ON FUNCTION append_batch_events IS 'Writes events of batches (see write_batch_events) with the next numbers of the accounts. The caller must hold the locks of the accounts.';

CREATE OR REPLACE FUNCTION public.append_entry(p_account_id uuid, p_kind text, p_amount bigint, p_batch_id uuid, p_task_index integer, p_reverses_seq bigint, p_reason text, p_reference text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_from text := entry_from_bucket(p_kind);
  v_to text := entry_to_bucket(p_kind);
  v_after credit_accounts;
BEGIN
  IF v_from IS NULL THEN
    RAISE EXCEPTION 'there is no ledger entry of kind %', p_kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  UPDATE credit_accounts c
  SET available = c.available + CASE 'available' WHEN v_to THEN p_amount WHEN v_from THEN -p_amount ELSE 0 END,
    reserved = c.reserved + CASE 'reserved' WHEN v_to THEN p_amount WHEN v_from THEN -p_amount ELSE 0 END,
    spent = c.spent + CASE 'spent' WHEN v_to THEN p_amount WHEN v_from THEN -p_amount ELSE 0 END,
    issued = c.issued + CASE 'external' WHEN v_from THEN p_amount WHEN v_to THEN -p_amount ELSE 0 END,
    last_seq = c.last_seq + 1,
    last_entry_at = greatest(rushes_now(), c.last_entry_at)
  WHERE c.account_id = p_account_id
  RETURNING * INTO v_after;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
    available_after, reserved_after, spent_after, batch_id, task_index, reverses_seq, reason, reference, created_at)
  VALUES (p_account_id, v_after.last_seq, p_kind, v_from, v_to, p_amount,
    v_after.available, v_after.reserved, v_after.spent, p_batch_id, p_task_index, p_reverses_seq, p_reason, p_reference,
    v_after.last_entry_at);
  RETURN v_after.last_seq;
END
$function$;
COMMENT ON FUNCTION append_entry IS 'Writes a single ledger entry: moves the amount between the buckets of its kind, and appends the entry with the balances after it. It is the only way to write one; settle_tasks writes the entries of many tasks at once. The caller must hold the lock of the account row. Returns the entry''s seq. Raises when the account or kind does not exist; the CHECKs of the account refuse to take more than a bucket has.';

CREATE OR REPLACE FUNCTION public.append_event(p_account_id uuid, p_type text, p_batch_id uuid, p_task_index integer, p_endpoint_id uuid, p_data jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_seq bigint := (number_events(ARRAY[p_account_id]))[1];
BEGIN
  INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
  VALUES (p_account_id, v_seq, p_type, p_batch_id, p_task_index, p_endpoint_id, p_data, rushes_now());
  RETURN v_seq;
END
$function$;
COMMENT ON FUNCTION append_event IS 'Writes the next event of an account and returns its seq. The number is taken under the lock of the account row, so that a reader of the list never skips a number that is committed later.';

CREATE OR REPLACE FUNCTION public.batch_end_status(p_total bigint, p_succeeded bigint, p_canceled bigint)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT CASE
    WHEN p_canceled > 0 THEN 'canceled'
    WHEN p_succeeded = p_total THEN 'completed'
    WHEN p_succeeded = 0 THEN 'failed'
    ELSE 'partial'
  END
$function$;
COMMENT ON FUNCTION batch_end_status IS 'Returns the final status of a batch whose tasks are all final.';

CREATE OR REPLACE FUNCTION public.begin_attempts(p_account_ids uuid[], p_batch_ids uuid[], p_from_indexes integer[], p_to_indexes integer[], p_fences bigint[], p_attempts integer[], p_timeouts_ms integer[])
 RETURNS TABLE(ord bigint, indexes integer[])
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH begun AS (
    UPDATE tasks t
    SET state = 'submitting', fence = i.fence, attempt = i.attempt, submitted_at = v_now,
      timeout_at = v_now + i.timeout_ms * interval '1 millisecond', started_at = coalesce(t.started_at, v_now)
    FROM (
      SELECT u.*, EXISTS (
          SELECT 1 FROM task_leases l
          WHERE l.account_id = u.account_id AND l.batch_id = u.batch_id AND l.fence = u.fence AND l.kind = 'range'
            AND l.from_index <= u.from_index AND u.to_index <= l.to_index) AS has_lease
      FROM unnest(p_account_ids, p_batch_ids, p_from_indexes, p_to_indexes, p_fences, p_attempts, p_timeouts_ms)
        WITH ORDINALITY AS u(account_id, batch_id, from_index, to_index, fence, attempt, timeout_ms, ord)
      ORDER BY u.account_id, u.batch_id, u.from_index
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index BETWEEN i.from_index AND i.to_index
      AND CASE t.state
        -- Never claimed before: ours as long as our lease stands.
        WHEN 'queued' THEN t.attempt = i.attempt - 1 AND (t.fence = i.fence OR (t.fence = 0 AND i.has_lease))
        -- Our own commit whose answer was lost: nothing was sent yet.
        WHEN 'submitting' THEN t.attempt = i.attempt AND t.fence = i.fence
        ELSE false
      END
    RETURNING i.ord, t.task_index, i.to_index - i.from_index + 1 AS size
  )
  SELECT b.ord, CASE WHEN count(*) < min(b.size) THEN array_agg(b.task_index) END
  FROM begun b GROUP BY b.ord;
END
$function$;
COMMENT ON FUNCTION begin_attempts IS 'Stores the intent to submit attempt number p_attempts of every task in each range. Returns for each range the tasks that may be sent now, null for all of them. Tasks that were canceled or taken over are missing, and so are ranges without tasks. Calling it again after a lost answer gives the same answer.';

CREATE OR REPLACE FUNCTION public.claim_ledger_check(p_interval_ms bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  UPDATE ledger_sealer SET checked_at = v_now
  WHERE checked_at <= v_now - p_interval_ms * interval '1 millisecond';
  RETURN FOUND;
END
$function$;
COMMENT ON FUNCTION claim_ledger_check IS 'Returns true when a scheduled check is due and the caller should run it. Only one caller gets true.';

CREATE OR REPLACE FUNCTION public.claim_ledger_sealer(p_holder uuid, p_lease_ms integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_sealer ledger_sealer;
  v_now timestamptz;
BEGIN
  SELECT * INTO v_sealer FROM ledger_sealer FOR UPDATE;
  v_now := rushes_now();
  IF v_sealer.holder IS DISTINCT FROM p_holder AND v_sealer.lease_until > v_now THEN
    RETURN NULL;
  END IF;
  UPDATE ledger_sealer
  SET fence = CASE WHEN v_sealer.holder = p_holder THEN fence ELSE fence + 1 END,
    holder = p_holder,
    lease_until = v_now + p_lease_ms * interval '1 millisecond'
  RETURNING fence INTO v_sealer.fence;
  RETURN v_sealer.fence;
END
$function$;
COMMENT ON FUNCTION claim_ledger_sealer IS 'Takes or renews the lease of the sealer. Returns its fence, or null when another process holds it.';

CREATE OR REPLACE FUNCTION public.claim_tasks(p_worker_id uuid, p_route text, p_slots integer, p_lease_ms integer)
 RETURNS TABLE(account_id uuid, batch_id uuid, fence bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_until timestamptz;
  v_busy bigint;
  v_free bigint;
  v_clock double precision;
  v_served uuid[];
  v_shares bigint[];
  v_turn integer;
  v_has_retries boolean;
  v_starts double precision[];
  v_weights integer[];
  v_accounts uuid[];
  v_batches uuid[];
  v_slots integer[];
  v_with_retries boolean[];
  v_cursors integer[];
  v_totals integer[];
  v_fences bigint[];
  v_retries integer[];
BEGIN
  -- All routes, since an account's limit spans them.
  PERFORM 1 FROM dispatch_routes ORDER BY route FOR NO KEY UPDATE;
  v_now := rushes_now();
  v_until := v_now + p_lease_ms * interval '1 millisecond';
  SELECT coalesce(sum(l.open), 0) INTO v_busy FROM task_leases l WHERE l.route = p_route;
  -- Nothing runs upstream of what only waits to be settled; it counts against its account alone.
  SELECT v_busy - coalesce(sum(u.tasks), 0) INTO v_busy
  FROM unsettled_tasks u
  JOIN task_leases l ON l.account_id = u.account_id AND l.batch_id = u.batch_id AND l.fence = u.fence AND l.open = u.open
  WHERE l.route = p_route;
  SELECT least(p_slots, r.max_concurrent_tasks - v_busy), r.virtual_time INTO v_free, v_clock
  FROM dispatch_routes r WHERE r.route = p_route;
  IF v_free IS NULL OR v_free <= 0 THEN
    RETURN;
  END IF;

  v_turn := greatest(1, least(16, v_free / 32));
  -- Mostly there are none, and then no batch needs to be asked for its own.
  v_has_retries := EXISTS (SELECT FROM task_retries);
  WITH
  wanting AS MATERIALIZED (
    SELECT w.account_id, a.weight, w.oldest, f.busy,
      least(w.tasks, a.max_concurrent_tasks - f.busy, v_free)::integer AS can_take,
      greatest(d.virtual_time, v_clock
        - greatest(0, (v_busy + v_free)::double precision / sum(a.weight) OVER () - f.busy::double precision / a.weight))
        AS start_time
    FROM (
      SELECT s.account_id, min(s.created_at) AS oldest, sum(s.total - s.cursor_index + r.due) AS tasks
      FROM batch_schedule s CROSS JOIN LATERAL (
        SELECT count(*) AS due FROM task_retries r
        WHERE v_has_retries AND r.account_id = s.account_id AND r.batch_id = s.batch_id AND r.due_at <= v_now
      ) r
      WHERE s.route = p_route AND NOT s.paused AND NOT s.closed AND s.deadline_at > v_now
        AND (s.cursor_index < s.total OR r.due > 0)
      GROUP BY 1
    ) w
    JOIN accounts a ON a.account_id = w.account_id
    LEFT JOIN dispatch_shares d ON d.account_id = w.account_id AND d.route = p_route
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(l.open), 0) AS busy FROM task_leases l WHERE l.account_id = w.account_id
    ) f
  ),
  -- A turn is never served before its account's first, so that no more accounts than slots can be.
  candidates AS MATERIALIZED (
    SELECT * FROM wanting c WHERE c.can_take > 0
    ORDER BY c.start_time, c.busy::double precision / c.weight, c.oldest, c.account_id LIMIT v_free
  ),
  -- The virtual time that is reached when the free slots are handed out in shares however small, or null when all get what they
  -- want: an account takes slots at the rate of its weight, from its start until it is full. No turn that begins
  -- later is served. Without that bound every turn of every account would be put in order: 125,000 with 1,000 accounts that
  -- each want 2,000 slots.
  level AS MATERIALIZED (
    SELECT (v_free + s.moment) / nullif(s.rate, 0) AS virtual_time
    FROM (
      SELECT e.at, sum(e.weight) OVER w AS rate, sum(e.weight * e.at) OVER w AS moment
      FROM (
        SELECT c.start_time AS at, c.weight::double precision FROM candidates c
        UNION ALL
        SELECT c.start_time + c.can_take::double precision / c.weight, -c.weight::double precision FROM candidates c
      ) e
      WINDOW w AS (ORDER BY e.at)
    ) s
    WHERE s.rate * s.at - s.moment < v_free
    ORDER BY s.at DESC LIMIT 1
  ),
  turns AS (
    SELECT w.account_id, w.weight, t.size, w.start_time + t.before::double precision / w.weight AS start_time,
      sum(t.size) OVER (ORDER BY w.start_time + t.before::double precision / w.weight,
        (w.busy + t.before)::double precision / w.weight, w.oldest, w.account_id) - t.size AS served_before
    FROM candidates w CROSS JOIN level v CROSS JOIN LATERAL (
      SELECT k AS before, least(v_turn, w.can_take - k) AS size
      -- One turn more, for what floating point rounds off.
      FROM generate_series(0, least(w.can_take - 1, (v.virtual_time - w.start_time) * w.weight + v_turn)::integer, v_turn) AS k
    ) t
  ),
  shares AS (
    SELECT t.account_id, sum(least(t.size, v_free - t.served_before)) AS slots, max(t.start_time) AS last_start,
      min(t.start_time) AS start_time, t.weight
    FROM turns t WHERE t.served_before < v_free GROUP BY t.account_id, t.weight
  )
  SELECT array_agg(s.account_id), array_agg(s.slots), array_agg(s.start_time), array_agg(s.weight),
    greatest(v_clock, max(s.last_start))
  INTO v_served, v_shares, v_starts, v_weights, v_clock
  FROM shares s;
  IF v_served IS NULL THEN
    RETURN;
  END IF;


  -- A batch that is being canceled or requeued right now is served by the next claim. Chosen before they are locked: looked
  -- up together, all of an account's batches may be gone through for each of them.
  WITH chosen AS MATERIALIZED (
    SELECT a.account_id, o.batch_id, o.slots, o.due
    FROM unnest(v_served, v_shares) AS a(account_id, share)
    CROSS JOIN LATERAL (
      SELECT q.batch_id, q.due, least(q.tasks, a.share - coalesce(sum(q.tasks) OVER (
          ORDER BY q.created_at, q.batch_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::integer AS slots
      FROM (
        SELECT b.batch_id, b.created_at, r.due, b.total - b.cursor_index + r.due AS tasks
        FROM batch_schedule b CROSS JOIN LATERAL (
          SELECT count(*) AS due FROM task_retries r
          WHERE v_has_retries AND r.account_id = b.account_id AND r.batch_id = b.batch_id AND r.due_at <= v_now
        ) r
        WHERE b.account_id = a.account_id AND b.route = p_route AND NOT b.paused AND NOT b.closed
          AND b.deadline_at > v_now AND (b.cursor_index < b.total OR r.due > 0)
      ) q
    ) o
    WHERE o.slots > 0
  )
  SELECT array_agg(p.account_id), array_agg(p.batch_id), array_agg(p.slots), array_agg(p.has_retries),
    array_agg(p.cursor_index), array_agg(p.total), array_agg(p.fence)
  INTO v_accounts, v_batches, v_slots, v_with_retries, v_cursors, v_totals, v_fences
  FROM (
    SELECT s.account_id, s.batch_id, c.slots, c.due > 0 AS has_retries, s.cursor_index, s.total, s.fence
    FROM chosen c
    JOIN batch_schedule s ON s.account_id = c.account_id AND s.batch_id = c.batch_id AND NOT s.closed AND NOT s.paused
    FOR NO KEY UPDATE OF s SKIP LOCKED
  ) p;

  -- What an account did not get, because its batch was locked, does not count as served; it counts as one task, so that the
  -- next claim does not wait for it again.
  INSERT INTO dispatch_shares AS d (account_id, route, virtual_time)
  SELECT s.account_id, p_route, min(s.start_time) + greatest(1, sum(s.slots))::double precision / min(s.weight)
  FROM (
    SELECT u.account_id, u.start_time, u.weight, 0 AS slots
    FROM unnest(v_served, v_starts, v_weights) AS u(account_id, start_time, weight)
    UNION ALL
    SELECT g.account_id, NULL, NULL, g.slots FROM unnest(v_accounts, v_slots) AS g(account_id, slots)
  ) s
  GROUP BY s.account_id
  ON CONFLICT (account_id, route) DO UPDATE SET virtual_time = excluded.virtual_time;

  FOR i IN 1 .. coalesce(cardinality(v_batches), 0) LOOP
    CONTINUE WHEN NOT v_with_retries[i];
    WITH taken AS (
      DELETE FROM task_retries r
      WHERE r.account_id = v_accounts[i] AND r.batch_id = v_batches[i]
        AND r.task_index IN (
          SELECT d.task_index FROM task_retries d
          WHERE d.account_id = v_accounts[i] AND d.batch_id = v_batches[i] AND d.due_at <= v_now
          ORDER BY d.due_at, d.task_index LIMIT v_slots[i])
      RETURNING r.task_index
    ),
    stamped AS (
      UPDATE tasks t SET fence = v_fences[i] + 1
      FROM taken
      WHERE t.account_id = v_accounts[i] AND t.batch_id = v_batches[i] AND t.task_index = taken.task_index
        AND t.state = 'queued'
      RETURNING t.task_index
    )
    SELECT array_agg(task_index ORDER BY task_index) INTO v_retries FROM stamped;
    CONTINUE WHEN v_retries IS NULL;
    v_fences[i] := v_fences[i] + 1;
    v_slots[i] := v_slots[i] - cardinality(v_retries);
    INSERT INTO task_leases (account_id, batch_id, fence, kind, from_index, to_index, open, route, worker_id, lease_until)
    VALUES (v_accounts[i], v_batches[i], v_fences[i], 'retry', v_retries[1], v_retries[cardinality(v_retries)],
      cardinality(v_retries), p_route, p_worker_id, v_until);
    account_id := v_accounts[i];
    batch_id := v_batches[i];
    fence := v_fences[i];
    RETURN NEXT;
  END LOOP;

  RETURN QUERY
  WITH fresh AS MATERIALIZED (
    SELECT i.account_id, i.batch_id, i.fence, i.cursor_index, least(i.slots, i.total - i.cursor_index) AS tasks
    FROM unnest(v_accounts, v_batches, v_slots, v_cursors, v_totals, v_fences)
      AS i(account_id, batch_id, slots, cursor_index, total, fence)
  ),
  moved AS (
    UPDATE batch_schedule s
    SET cursor_index = f.cursor_index + f.tasks, fence = f.fence + CASE WHEN f.tasks > 0 THEN 1 ELSE 0 END
    FROM fresh f WHERE s.account_id = f.account_id AND s.batch_id = f.batch_id
  )
  INSERT INTO task_leases AS l (account_id, batch_id, fence, kind, from_index, to_index, open, route, worker_id,
    lease_until)
  SELECT f.account_id, f.batch_id, f.fence + 1, 'range', f.cursor_index, f.cursor_index + f.tasks - 1, f.tasks, p_route,
    p_worker_id, v_until
  FROM fresh f WHERE f.tasks > 0
  RETURNING l.account_id, l.batch_id, l.fence;
  UPDATE dispatch_routes SET virtual_time = v_clock WHERE route = p_route;
END
$function$;
COMMENT ON FUNCTION claim_tasks IS 'Gives a worker as many tasks of a route as its free slots and the limits of the route and of each account allow, as ranges with a lease. The limits are exact: the route rows are locked first, so only one claim runs at a time, and the tasks in flight are the sum of open over the leases. Slots are shared by weight, and every account gets some: start-time fair queueing (Goyal, Vin, Cheng 1996).';

CREATE OR REPLACE FUNCTION public.close_batch(p_account_id uuid, p_batch_id uuid, p_outcome text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_indexes integer[];
  v_claims integer[];
  v_fences bigint[];
  v_failure_type text := CASE p_outcome WHEN 'canceled' THEN 'canceled' WHEN 'expired' THEN 'timeout' END;
  v_closed bigint := 0;
BEGIN
  IF v_failure_type IS NULL THEN
    RAISE EXCEPTION 'a batch can be closed as canceled or expired, not %', p_outcome
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  PERFORM 1 FROM credit_holds WHERE account_id = p_account_id AND batch_id = p_batch_id FOR NO KEY UPDATE;
  UPDATE batch_schedule SET closed = true
  WHERE account_id = p_account_id AND batch_id = p_batch_id AND (p_outcome = 'canceled' OR deadline_at <= rushes_now());
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  IF p_outcome = 'canceled' THEN
    UPDATE batches b SET cancel_requested_at = n.now, paused = false
    FROM (SELECT rushes_now() AS now) n
    WHERE b.account_id = p_account_id AND b.batch_id = p_batch_id AND b.cancel_requested_at IS NULL;
  END IF;

  -- Locked by index, so that an attempt that begins at this moment waits for us or is waited for, never both.
  WITH queued AS MATERIALIZED (
    SELECT task_index, fence FROM tasks
    WHERE account_id = p_account_id AND batch_id = p_batch_id AND state = 'queued'
    ORDER BY task_index FOR NO KEY UPDATE
  )
  SELECT array_agg(q.task_index), array_agg(q.claim), ARRAY(SELECT DISTINCT fence FROM queued ORDER BY fence)
  INTO v_indexes, v_claims, v_fences
  FROM (SELECT task_index, dense_rank() OVER (ORDER BY fence)::integer AS claim FROM queued) q;
  IF v_indexes IS NOT NULL THEN
    SELECT coalesce(sum(coalesce(cardinality(s.places), cardinality(v_indexes))), 0) INTO v_closed
    FROM settle_tasks(
      array_fill(p_account_id, ARRAY[cardinality(v_fences)]), array_fill(p_batch_id, ARRAY[cardinality(v_fences)]),
      v_fences, v_claims, v_indexes, array_fill(p_outcome, ARRAY[cardinality(v_indexes)]),
      array_fill(v_failure_type, ARRAY[cardinality(v_indexes)]),
      '{}', '{}', '{}', '{}', '{}', '{}') s
    WHERE s.answer = 'settled';
  END IF;
  RETURN v_closed;
END
$function$;
COMMENT ON FUNCTION close_batch IS 'Ends every queued task of a batch: ''canceled'' (the customer''s wish) or ''expired'' (its deadline). Returns how many ended. Running tasks finish, but are not retried.';

CREATE OR REPLACE FUNCTION public.confirm_submissions(p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_attempts integer[], p_upstream_ids text[])
 RETURNS TABLE(ord bigint, answer text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
#variable_conflict use_column
DECLARE
  v_since timestamptz := rushes_now() - interval '1 day';
  v_known text[];
  v_item record;
BEGIN
  -- One at a time, so that no two submissions are given one id.
  PERFORM pg_advisory_xact_lock(4600171010);
  v_known := ARRAY(
    SELECT t.upstream_id FROM batches b
    JOIN tasks t ON t.account_id = b.account_id AND t.batch_id = b.batch_id
    WHERE (b.finished_at IS NULL OR b.finished_at > v_since) AND t.upstream_id = ANY (p_upstream_ids)
    UNION
    SELECT a.upstream_id FROM task_attempts a
    WHERE a.ended_at > v_since AND a.upstream_id = ANY (p_upstream_ids));
  FOR v_item IN
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
      WITH ORDINALITY AS i(account_id, batch_id, task_index, attempt, upstream_id, ord)
    ORDER BY account_id, batch_id, task_index, attempt, ord
  LOOP
    ord := v_item.ord;
    answer := 'nothing';
    IF v_item.upstream_id = ANY (v_known) THEN
      answer := 'taken';
    ELSE
      UPDATE tasks t SET state = 'running', upstream_id = v_item.upstream_id, unknown_since = NULL
      WHERE t.account_id = v_item.account_id AND t.batch_id = v_item.batch_id AND t.task_index = v_item.task_index
        AND t.attempt = v_item.attempt AND t.state = 'unknown' AND t.upstream_id IS NULL;
      IF FOUND THEN
        answer := 'running';
      ELSE
        UPDATE tasks t SET upstream_id = v_item.upstream_id
        WHERE t.account_id = v_item.account_id AND t.batch_id = v_item.batch_id AND t.task_index = v_item.task_index
          AND t.attempt = v_item.attempt AND t.state = 'failed' AND t.unknown_since IS NOT NULL AND t.upstream_id IS NULL;
        IF FOUND THEN
          answer := 'late';
        ELSE
          UPDATE task_attempts a SET upstream_id = v_item.upstream_id
          WHERE a.account_id = v_item.account_id AND a.batch_id = v_item.batch_id
            AND a.task_index = v_item.task_index AND a.attempt = v_item.attempt
            AND a.possible_duplicate AND a.upstream_id IS NULL;
          IF FOUND THEN answer := 'late'; END IF;
        END IF;
      END IF;
      IF answer <> 'nothing' THEN v_known := v_known || v_item.upstream_id; END IF;
    END IF;
    DELETE FROM upstream_callbacks c
    WHERE c.account_id = v_item.account_id AND c.batch_id = v_item.batch_id AND c.task_index = v_item.task_index
      AND c.attempt = v_item.attempt AND (answer IN ('running', 'late') OR c.upstream_id = v_item.upstream_id);
    RETURN NEXT;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION confirm_submissions IS 'Stores ids that the upstream has confirmed for submissions with an unknown outcome. Returns for each input ''running'' (the worker that holds the task continues with it instead of sending it again), ''late'' (the task had ended or was sent again: the id is kept for the report), ''taken'' (the id belongs to another submission: nothing changed) or ''nothing''. An id may belong to another submission only here, because everywhere else it comes in the answer to its own submission. Only ids of the last day are compared, because no upstream keeps a generation longer.';

CREATE OR REPLACE FUNCTION public.drop_callbacks(p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_attempts integer[], p_upstream_ids text[])
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
  DELETE FROM upstream_callbacks c
  USING unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
    AS i(account_id, batch_id, task_index, attempt, upstream_id)
  WHERE c.account_id = i.account_id AND c.batch_id = i.batch_id AND c.task_index = i.task_index
    AND c.attempt = i.attempt AND c.upstream_id = i.upstream_id
$function$;
COMMENT ON FUNCTION drop_callbacks IS 'Deletes callbacks that the upstream did not confirm.';

CREATE OR REPLACE FUNCTION public.entry_from_bucket(p_kind text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT CASE p_kind
    WHEN 'charge' THEN 'reserved'
    WHEN 'refund' THEN 'reserved'
    WHEN 'forfeit' THEN 'reserved'
    WHEN 'reserve' THEN 'available'
    WHEN 'purchase' THEN 'external'
    WHEN 'grant' THEN 'external'
    WHEN 'reversal' THEN 'spent'
    WHEN 'revoke' THEN 'available'
  END
$function$;
COMMENT ON FUNCTION entry_from_bucket IS 'The bucket that a kind of ledger entry takes credits from; null for a kind that does not exist.';

CREATE OR REPLACE FUNCTION public.entry_to_bucket(p_kind text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT CASE p_kind
    WHEN 'charge' THEN 'spent'
    WHEN 'refund' THEN 'available'
    WHEN 'forfeit' THEN 'spent'
    WHEN 'reserve' THEN 'reserved'
    WHEN 'purchase' THEN 'available'
    WHEN 'grant' THEN 'available'
    WHEN 'reversal' THEN 'available'
    WHEN 'revoke' THEN 'external'
  END
$function$;
COMMENT ON FUNCTION entry_to_bucket IS 'The bucket that a kind of ledger entry gives credits to; null for a kind that does not exist.';

CREATE OR REPLACE FUNCTION public.finalize_batch_credits(p_account_id uuid, p_batch_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_now timestamptz;
  v_batch batches;
  v_hold credit_holds;
  v_ended_accounts uuid[];
  v_ended_batches uuid[];
  v_ended_seqs bigint[];
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO v_hold FROM credit_holds
  WHERE account_id = p_account_id AND batch_id = p_batch_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'batch % of account % has no hold', p_batch_id, p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_batch FROM batches WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF v_hold.state = 'closed' THEN
    RETURN 'already_final';
  END IF;
  IF v_batch.succeeded + v_batch.failed + v_batch.canceled < v_batch.total THEN
    RETURN 'not_finished';
  END IF;
  v_now := rushes_now();

  WITH per_batch AS MATERIALIZED (
    SELECT c.account_id, p_batch_id AS batch_id, c.last_event_seq, true AS ends, 0 AS tasks,
      0 AS succeeded, 0 AS failed, 0 AS canceled, 0 AS charged, 0 AS refunded, 0 AS forfeited
    FROM credit_accounts c WHERE c.account_id = p_account_id
  ),
  moved AS (
    UPDATE credit_accounts c
    SET available = c.available + d.refunded,
      reserved = c.reserved - d.released,
      spent = c.spent + d.released - d.refunded,
      last_seq = c.last_seq + d.entries,
      -- A batch can end without a new entry.
      last_entry_at = CASE WHEN d.entries > 0 THEN greatest(v_now, c.last_entry_at) ELSE c.last_entry_at END,
      last_event_seq = c.last_event_seq + d.entries + d.ended
    FROM (
      SELECT p.account_id, sum(p.tasks) AS entries, sum(p.refunded) AS refunded,
        sum(p.charged + p.refunded + p.forfeited) AS released, count(*) FILTER (WHERE p.ends) AS ended
      FROM per_batch p GROUP BY 1
    ) d
    WHERE c.account_id = d.account_id
  ),
  held AS (
    -- The CHECK of a closed hold refuses this when anything of it is still unresolved.
    UPDATE credit_holds h
    SET charged = h.charged + p.charged, refunded = h.refunded + p.refunded, forfeited = h.forfeited + p.forfeited,
      state = CASE WHEN p.ends THEN 'closed' ELSE h.state END
    FROM per_batch p
    WHERE h.account_id = p.account_id AND h.batch_id = p.batch_id
  ),
  counted AS (
    UPDATE batches b
    SET succeeded = b.succeeded + p.succeeded,
      failed = b.failed + p.failed,
      canceled = b.canceled + p.canceled,
      sample_finished = b.sample_finished + p.succeeded + p.failed,
      sample_failed = b.sample_failed + p.failed,
      status = CASE
        WHEN p.ends THEN batch_end_status(b.total, (b.succeeded + p.succeeded)::bigint, (b.canceled + p.canceled)::bigint)
        ELSE b.status
      END,
      paused = b.paused AND NOT p.ends,
      finished_at = CASE WHEN p.ends THEN v_now END
    FROM per_batch p
    WHERE b.account_id = p.account_id AND b.batch_id = p.batch_id
  ),
  unscheduled AS (
    DELETE FROM batch_schedule s USING per_batch p
    WHERE p.ends AND s.account_id = p.account_id AND s.batch_id = p.batch_id
  ),
  ended AS (
    SELECT array_agg(e.account_id) AS account_ids, array_agg(e.batch_id) AS batch_ids, array_agg(e.seq) AS seqs
    FROM (
      SELECT p.account_id, p.batch_id, p.ends, p.last_event_seq
        + sum(p.tasks) OVER (PARTITION BY p.account_id)
        + count(*) FILTER (WHERE p.ends) OVER (PARTITION BY p.account_id ORDER BY p.batch_id) AS seq
      FROM per_batch p
    ) e
    WHERE e.ends
  )
  SELECT e.account_ids, e.batch_ids, e.seqs INTO v_ended_accounts, v_ended_batches, v_ended_seqs FROM ended e;

  IF v_ended_batches IS NOT NULL THEN
    -- A lease without tasks would take a slot for ever.
    DELETE FROM task_leases l USING unnest(v_ended_accounts, v_ended_batches) AS i(account_id, batch_id)
    WHERE l.account_id = i.account_id AND l.batch_id = i.batch_id;
    PERFORM write_batch_events(v_ended_accounts, v_ended_batches, v_ended_seqs, NULL, NULL);
  END IF;
  RETURN 'finalized';
END
$function$;
COMMENT ON FUNCTION finalize_batch_credits IS 'Ends a batch whose tasks are all final: closes its hold and sets its end state, as the settlement of its last task does. Returns ''finalized'', ''already_final'' or ''not_finished''. Safe to call at any time and any number of times: the first caller to lock the account row finalizes the batch, and later callers get ''already_final''. Raises when the batch has no hold.';

CREATE OR REPLACE FUNCTION public.freeze_credits_for_batch(p_account_id uuid, p_batch_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_account credit_accounts;
  v_amount bigint;
BEGIN
  -- In its own statement: what follows then sees everything committed before the lock was granted.
  SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;

  PERFORM 1 FROM credit_holds WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF FOUND THEN
    RETURN 'already_frozen';
  END IF;

  SELECT b.unit_price * count(*) INTO v_amount
  FROM batches b JOIN tasks t USING (account_id, batch_id)
  WHERE b.account_id = p_account_id AND b.batch_id = p_batch_id AND t.state = 'queued'
  GROUP BY b.unit_price, b.total
  HAVING count(*) = b.total;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'batch % of account % has not all of its tasks', p_batch_id, p_account_id
      USING ERRCODE = 'no_data_found';
  END IF;

  IF v_account.available < v_amount THEN
    RETURN 'insufficient';
  END IF;

  INSERT INTO credit_holds (account_id, batch_id, amount) VALUES (p_account_id, p_batch_id, v_amount);
  PERFORM append_entry(p_account_id, 'reserve', v_amount, p_batch_id, NULL, NULL, NULL, NULL);
  PERFORM announce_low_credits(v_account);
  RETURN 'frozen';
END
$function$;
COMMENT ON FUNCTION freeze_credits_for_batch IS 'Reserves the cost of a batch, which is computed from its stored rows. Returns ''frozen'', ''already_frozen'' or ''insufficient''; the last two change nothing.';

CREATE OR REPLACE FUNCTION public.halt_ledger_sealer()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT 1 FROM ledger_sealer FOR UPDATE
$function$;
COMMENT ON FUNCTION halt_ledger_sealer IS 'Makes every publication wait until the caller''s transaction ends. So customers cannot have a checkpoint that the caller does not find in the log.';

CREATE OR REPLACE FUNCTION public.issue_credits(p_account_id uuid, p_kind text, p_amount bigint, p_reason text, p_reference text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_account credit_accounts;
  v_before credit_ledger;
BEGIN
  IF p_kind NOT IN ('purchase', 'grant') THEN
    RAISE EXCEPTION 'credits are issued by purchase or grant, not %', p_kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;

  SELECT * INTO v_before FROM credit_ledger
  WHERE account_id = p_account_id AND reference = p_reference AND kind IN ('purchase', 'grant');
  IF FOUND THEN
    IF v_before.kind = p_kind AND v_before.amount = p_amount THEN
      RETURN 'already_issued';
    END IF;
    RETURN 'reference_taken';
  END IF;

  IF p_amount > 9007199254740991 - v_account.issued THEN
    RETURN 'too_much';
  END IF;

  PERFORM append_entry(p_account_id, p_kind, p_amount, NULL, NULL, NULL, p_reason, p_reference);
  IF p_kind = 'purchase' AND v_account.debt > 0 THEN
    PERFORM settle_debt(p_account_id, NULL);
    -- The debt may take more than the purchase: also credits that refunds have made available since.
    PERFORM announce_low_credits(v_account);
  END IF;
  RETURN 'issued';
END
$function$;
COMMENT ON FUNCTION issue_credits IS 'Adds credits by a purchase or a grant. Returns ''issued'', ''already_issued'' (this reference issued the same before), ''reference_taken'' (it issued something else) or ''too_much'' (the account would have more than 2^53 - 1 credits). The last three change nothing. Idempotent by reference, without a time limit. A purchase pays the account''s debt first.';

CREATE OR REPLACE FUNCTION public.leased_batches(p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[])
 RETURNS TABLE(lease bigint, route text, model text, timeout_ms integer, is_batch_queued boolean)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH held AS MATERIALIZED (
    SELECT i.ord, l.account_id, l.batch_id, l.route FROM unnest(p_account_ids, p_batch_ids, p_fences) WITH ORDINALITY
      AS i(account_id, batch_id, fence, ord)
    JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
  )
  SELECT l.ord, l.route, b.model, s.timeout_ms, b.status = 'queued'
  FROM held l
  JOIN batches b ON b.account_id = l.account_id AND b.batch_id = l.batch_id
  JOIN batch_schedule s ON s.account_id = l.account_id AND s.batch_id = l.batch_id;
END
$function$;
COMMENT ON FUNCTION leased_batches IS 'Returns the data that all tasks of a lease have in common, for each lease.';

CREATE OR REPLACE FUNCTION public.leased_tasks(p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[])
 RETURNS TABLE(lease bigint, task_index integer, prompt text, params jsonb, state text, attempt integer, failures integer, upstream_id text, timeout_in_ms double precision, unknown_for_ms double precision)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH held AS MATERIALIZED (
    SELECT i.ord, l.* FROM unnest(p_account_ids, p_batch_ids, p_fences) WITH ORDINALITY
      AS i(account_id, batch_id, fence, ord)
    JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
  )
  SELECT l.ord, t.task_index, t.prompt, t.params, t.state, t.attempt, t.failures, t.upstream_id,
    extract(epoch FROM t.timeout_at - v_now)::double precision * 1000,
    extract(epoch FROM v_now - t.unknown_since)::double precision * 1000
  FROM held l
  JOIN tasks t ON t.account_id = l.account_id AND t.batch_id = l.batch_id
    AND t.task_index BETWEEN l.from_index AND l.to_index
    AND (t.fence = l.fence OR (t.fence = 0 AND l.kind = 'range')) AND t.resolution IS NULL
  ORDER BY l.ord, t.task_index;
END
$function$;
COMMENT ON FUNCTION leased_tasks IS 'Returns the unfinished tasks of leases (numbered from 1), with all data that is needed to continue them in any state. Times are milliseconds left on the database''s clock, so that a worker''s own clock does not matter.';

CREATE OR REPLACE FUNCTION public.mark_unknown(p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[], p_details text[])
 RETURNS TABLE(ord bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  UPDATE tasks t SET state = 'unknown', unknown_since = coalesce(t.unknown_since, v_now), failure_detail = left(i.detail, 500)
  FROM (
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_details)
      WITH ORDINALITY AS u(account_id, batch_id, task_index, fence, detail, ord)
    ORDER BY account_id, batch_id, task_index
  ) i
  WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
    AND t.state IN ('submitting', 'unknown') AND t.fence = i.fence
  RETURNING i.ord;
END
$function$;
COMMENT ON FUNCTION mark_unknown IS 'Marks tasks whose submission got no clear answer as unknown. Returns the rows that were changed.';

CREATE OR REPLACE FUNCTION public.number_events(p_account_ids uuid[])
 RETURNS bigint[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  v_seqs bigint[];
BEGIN
  UPDATE credit_accounts c SET last_event_seq = c.last_event_seq + i.events
  FROM (SELECT u.account_id, count(*) AS events FROM unnest(p_account_ids) AS u(account_id) GROUP BY 1) i
  WHERE c.account_id = i.account_id;
  SELECT array_agg(c.last_event_seq - a.events + a.n ORDER BY a.place) INTO v_seqs
  FROM (
    SELECT u.account_id, u.place, count(*) OVER (PARTITION BY u.account_id) AS events,
      row_number() OVER (PARTITION BY u.account_id ORDER BY u.place) AS n
    FROM unnest(p_account_ids) WITH ORDINALITY AS u(account_id, place)
  ) a
  JOIN credit_accounts c ON c.account_id = a.account_id;
  IF coalesce(cardinality(v_seqs), 0) <> cardinality(p_account_ids) THEN
    RAISE EXCEPTION 'one of the accounts % has no credit account', p_account_ids USING ERRCODE = 'no_data_found';
  END IF;
  RETURN v_seqs;
END
$function$;
COMMENT ON FUNCTION number_events IS 'Takes the next event number for each account in the array, which may have an account several times. Returns the numbers in the same order. The account rows stay locked, so that no reader of the event list can pass a number that commits later. Raises when an account has no credit account.';

CREATE OR REPLACE FUNCTION public.open_account(p_account_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  INSERT INTO credit_accounts (account_id) VALUES (p_account_id) ON CONFLICT (account_id) DO NOTHING
$function$;
COMMENT ON FUNCTION open_account IS 'Creates the credit account with empty balances. Does nothing when it exists. Credits are added only by issue_credits, so that the first credits are in the ledger too.';

CREATE OR REPLACE FUNCTION public.open_ledger_epoch(p_account_id uuid, p_epoch integer, p_origin text, p_reason text, p_previous_checkpoint text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  -- Before any checkpoint of the closed tree could still be published.
  PERFORM 1 FROM ledger_sealer FOR UPDATE;
  IF p_epoch <= (SELECT max(epoch) FROM ledger_trees WHERE account_id = p_account_id) THEN
    RAISE EXCEPTION 'epoch % of account % is not a new one', p_epoch, p_account_id USING ERRCODE = 'unique_violation';
  END IF;
  UPDATE ledger_trees SET closed_at = rushes_now() WHERE account_id = p_account_id AND closed_at IS NULL;
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_reason, previous_checkpoint, opened_at)
  VALUES (p_account_id, p_epoch, p_origin, p_reason, p_previous_checkpoint, rushes_now());
END
$function$;
COMMENT ON FUNCTION open_ledger_epoch IS 'Closes an account''s tree and begins another one, whose first checkpoint the sealer signs.';

CREATE OR REPLACE FUNCTION public.pause_batch(p_account_id uuid, p_batch_id uuid, p_reason text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_batch batches;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO v_batch FROM batches WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF v_batch.finished_at IS NOT NULL OR v_batch.cancel_requested_at IS NOT NULL THEN
    RETURN 'final';
  END IF;
  IF v_batch.paused THEN
    RETURN 'already_paused';
  END IF;
  UPDATE batch_schedule SET paused = true WHERE account_id = p_account_id AND batch_id = p_batch_id;
  UPDATE batches SET paused = true WHERE account_id = p_account_id AND batch_id = p_batch_id;
  PERFORM append_batch_events(ARRAY[p_account_id], ARRAY[p_batch_id], 'batch.paused', p_reason);
  RETURN 'paused';
END
$function$;
COMMENT ON FUNCTION pause_batch IS 'Pauses a batch: no further tasks are claimed; running tasks continue. Returns ''paused'', ''already_paused'' or ''final''.';

CREATE OR REPLACE FUNCTION public.publish_checkpoints(p_holder uuid, p_fence bigint, p_account_ids uuid[], p_epochs integer[], p_origins text[], p_old_sizes bigint[], p_sizes bigint[], p_frontiers bytea[], p_roots bytea[], p_checkpoints text[], p_node_accounts uuid[], p_node_epochs integer[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[])
 RETURNS TABLE(account_id uuid)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_first record;
BEGIN
  PERFORM 1 FROM ledger_sealer WHERE holder = p_holder AND fence = p_fence FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another process seals now' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  v_now := rushes_now();
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_at)
  SELECT a, 1, o, v_now FROM unnest(p_account_ids, p_epochs, p_origins, p_old_sizes) AS u(a, e, o, s)
  WHERE e = 1 AND s = 0
  ON CONFLICT DO NOTHING;

  -- Epochs after the first are announced with the checkpoint before and the first one of the new tree.
  FOR v_first IN
    SELECT t.account_id, t.epoch, t.opened_reason, t.previous_checkpoint, u.n
    FROM unnest(p_account_ids, p_epochs, p_old_sizes, p_checkpoints) AS u(a, e, s, n)
    JOIN ledger_trees t ON t.account_id = u.a AND t.epoch = u.e
    WHERE t.epoch > 1 AND t.size = 0 AND t.closed_at IS NULL AND u.s = 0
    ORDER BY t.account_id
  LOOP
    PERFORM append_event(v_first.account_id, 'ledger.epoch_opened', NULL, NULL, NULL, jsonb_build_object(
      'epoch', v_first.epoch, 'reason', v_first.opened_reason,
      'previous_checkpoint', v_first.previous_checkpoint, 'checkpoint', v_first.n));
  END LOOP;

  RETURN QUERY
  WITH moved AS (
    UPDATE ledger_trees t
    SET size = u.size, frontier = u.frontier, root = u.root, checkpoint = u.checkpoint,
      sealed_at = v_now, refused_reason = NULL
    FROM unnest(p_account_ids, p_epochs, p_old_sizes, p_sizes, p_frontiers, p_roots, p_checkpoints)
      AS u(account_id, epoch, old_size, size, frontier, root, checkpoint)
    WHERE t.account_id = u.account_id AND t.epoch = u.epoch AND t.size = u.old_size AND t.closed_at IS NULL
    RETURNING t.account_id, t.epoch, t.size, t.checkpoint
  ),
  kept AS (
    INSERT INTO ledger_checkpoints (account_id, epoch, size, checkpoint, created_at)
    SELECT m.account_id, m.epoch, m.size, m.checkpoint, v_now FROM moved m
  ),
  grown AS (
    INSERT INTO ledger_tree_nodes (account_id, epoch, level, node_index, hash)
    SELECT n.account_id, n.epoch, n.level, n.node_index, n.hash
    FROM unnest(p_node_accounts, p_node_epochs, p_levels, p_indexes, p_hashes)
      AS n(account_id, epoch, level, node_index, hash)
    JOIN moved m ON m.account_id = n.account_id AND m.epoch = n.epoch
  )
  SELECT m.account_id FROM moved m;
END
$function$;
COMMENT ON FUNCTION publish_checkpoints IS 'Publishes checkpoints that are already in the checkpoint log: moves the open trees from their old sizes to the new ones. A tree that is no longer at its old size is not changed. Returns the accounts whose checkpoints were published. Raises when the caller''s fence is not the sealer''s.';

CREATE OR REPLACE FUNCTION public.receive_callback(p_account_id uuid, p_batch_id uuid, p_task_index integer, p_attempt integer, p_route text, p_upstream_id text, p_ended boolean)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  IF NOT EXISTS (
    SELECT FROM tasks t
    WHERE t.account_id = p_account_id AND t.batch_id = p_batch_id AND t.task_index = p_task_index
      AND t.attempt = p_attempt
      AND CASE t.state
        WHEN 'submitting' THEN true
        WHEN 'unknown' THEN t.upstream_id IS NULL OR (t.upstream_id = p_upstream_id AND p_ended)
        WHEN 'running' THEN t.upstream_id = p_upstream_id AND p_ended
        WHEN 'failed' THEN t.unknown_since IS NOT NULL AND t.upstream_id IS NULL
        ELSE false
      END
    UNION ALL
    SELECT FROM task_attempts a
    WHERE a.account_id = p_account_id AND a.batch_id = p_batch_id AND a.task_index = p_task_index
      AND a.attempt = p_attempt AND a.possible_duplicate AND a.upstream_id IS NULL
  ) THEN
    RETURN false;
  END IF;
  -- Whoever knows an attempt's address may name this many ids for it and no more.
  IF (SELECT count(*) FROM upstream_callbacks c
      WHERE c.account_id = p_account_id AND c.batch_id = p_batch_id AND c.task_index = p_task_index
        AND c.attempt = p_attempt) >= 4 THEN
    RETURN false;
  END IF;
  INSERT INTO upstream_callbacks (account_id, batch_id, task_index, attempt, upstream_id, route, due_at, received_at)
  VALUES (p_account_id, p_batch_id, p_task_index, p_attempt, p_upstream_id, p_route, v_now, v_now)
  ON CONFLICT DO NOTHING;
  RETURN FOUND;
END
$function$;
COMMENT ON FUNCTION receive_callback IS 'Stores a callback if it is useful: when it has the id of a submission with an unknown outcome, or says that a running one may have ended. p_ended is what the callback itself says. Returns whether it was stored.';

CREATE OR REPLACE FUNCTION public.record_submissions(p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[], p_attempts integer[], p_upstream_ids text[])
 RETURNS TABLE(ord bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
  v_won bigint;
BEGIN
  -- The late ones with the others, so that tasks are locked in one order. One that a takeover has changed while this waited is
  -- looked at again as it is now.
  RETURN QUERY
  WITH kept AS (
    UPDATE tasks t
    SET state = CASE WHEN t.state IN ('submitting', 'running') THEN 'running' ELSE t.state END, upstream_id = i.upstream_id
    FROM (
      SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_attempts, p_upstream_ids)
        WITH ORDINALITY AS u(account_id, batch_id, task_index, fence, attempt, upstream_id, ord)
      ORDER BY account_id, batch_id, task_index
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND CASE
        WHEN t.state IN ('submitting', 'running') THEN (t.state = 'submitting' OR t.upstream_id = i.upstream_id)
          AND t.fence = i.fence AND t.attempt = i.attempt
        ELSE t.state IN ('unknown', 'failed') AND t.unknown_since IS NOT NULL AND t.attempt = i.attempt
          AND t.upstream_id IS NULL
      END
    RETURNING i.ord, t.state
  )
  SELECT k.ord FROM kept k WHERE k.state = 'running';
  GET DIAGNOSTICS v_won = ROW_COUNT;
  IF v_won = cardinality(p_account_ids) THEN
    RETURN;
  END IF;

  -- In a statement of its own, which sees the requeueing that the one above has waited for.
  UPDATE task_attempts a SET upstream_id = i.upstream_id, possible_duplicate = true
  FROM (
    SELECT * FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_attempts, p_upstream_ids)
      AS u(account_id, batch_id, task_index, attempt, upstream_id)
    ORDER BY account_id, batch_id, task_index, attempt
  ) i
  WHERE a.account_id = i.account_id AND a.batch_id = i.batch_id AND a.task_index = i.task_index
    AND a.attempt = i.attempt AND a.upstream_id IS NULL;
END
$function$;
COMMENT ON FUNCTION record_submissions IS 'Stores the upstream''s ids. Returns the rows whose tasks now run with that id. For the others the id is kept too: with the task when its outcome became unknown meanwhile (then the upstream is asked about the id instead of sending the task again), or else with the record of the attempt, so that the generation can be matched.';

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% on % is refused: its rows are never changed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END
$function$;
COMMENT ON FUNCTION refuse_change IS 'Trigger for tables whose rows are only added and never changed.';

CREATE OR REPLACE FUNCTION public.refuse_sealing(p_account_id uuid, p_origin text, p_reason text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
BEGIN
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_at)
  SELECT a.account_id, 1, p_origin, rushes_now() FROM accounts a
  WHERE a.account_id = p_account_id
    AND NOT EXISTS (SELECT 1 FROM ledger_trees t WHERE t.account_id = p_account_id)
  ON CONFLICT DO NOTHING;
  UPDATE ledger_trees SET refused_reason = p_reason
  WHERE account_id = p_account_id AND closed_at IS NULL AND refused_reason IS DISTINCT FROM p_reason;
  RETURN FOUND;
END
$function$;
COMMENT ON FUNCTION refuse_sealing IS 'Stores on an account''s open tree why signing is refused; null when it is no longer refused. Returns true when this is a change.';

CREATE OR REPLACE FUNCTION public.register_ledger_keys(p_key_ids text[], p_verifier_keys text[], p_created_at timestamp with time zone[], p_active_key_id text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_active text;
BEGIN
  PERFORM 1 FROM ledger_sealer FOR UPDATE;
  SELECT key_id INTO v_active FROM ledger_keys WHERE status = 'active';
  IF v_active IS NOT NULL AND NOT v_active = ANY (p_key_ids) THEN
    RETURN 'foreign_key';
  END IF;
  UPDATE ledger_keys SET status = 'retired' WHERE status = 'active' AND key_id <> p_active_key_id;
  INSERT INTO ledger_keys (key_id, verifier_key, status, created_at)
  SELECT k.id, k.verifier_key, CASE WHEN k.id = p_active_key_id THEN 'active' ELSE 'retired' END, k.created_at
  FROM unnest(p_key_ids, p_verifier_keys, p_created_at) AS k(id, verifier_key, created_at)
  ON CONFLICT (key_id) DO UPDATE SET status = excluded.status WHERE ledger_keys.status <> excluded.status;
  RETURN 'registered';
END
$function$;
COMMENT ON FUNCTION register_ledger_keys IS 'Stores the public keys of a key directory. Returns ''registered'', or ''foreign_key'' when the checkpoints of this database are signed by a key of another directory: then nothing changes, and the caller must not seal.';

CREATE OR REPLACE FUNCTION public.release_ledger_sealer(p_holder uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  UPDATE ledger_sealer SET lease_until = '-infinity' WHERE holder = p_holder
$function$;
COMMENT ON FUNCTION release_ledger_sealer IS 'Ends the lease of the sealer, if the caller holds it.';

CREATE OR REPLACE FUNCTION public.renew_leases(p_worker_id uuid, p_lease_ms integer)
 RETURNS TABLE(account_id uuid, batch_id uuid, fence bigint, open integer)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
  v_until timestamptz := rushes_now() + p_lease_ms * interval '1 millisecond';
BEGIN
  RETURN QUERY
  UPDATE task_leases l SET lease_until = v_until
  FROM (
    SELECT h.account_id, h.batch_id, h.fence FROM task_leases h
    WHERE h.worker_id = p_worker_id
    ORDER BY h.account_id, h.batch_id, h.fence FOR NO KEY UPDATE
  ) held
  WHERE l.account_id = held.account_id AND l.batch_id = held.batch_id AND l.fence = held.fence
  RETURNING l.account_id, l.batch_id, l.fence, l.open;
END
$function$;
COMMENT ON FUNCTION renew_leases IS 'Extends every lease that this worker still holds and returns them. Leases that are missing were taken over.';

CREATE OR REPLACE FUNCTION public.report_unsettled(p_worker_id uuid, p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[], p_tasks integer[], p_open integer[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
BEGIN
  DELETE FROM unsettled_tasks u
  WHERE u.worker_id = p_worker_id
    OR NOT EXISTS (SELECT FROM task_leases l
      WHERE l.account_id = u.account_id AND l.batch_id = u.batch_id AND l.fence = u.fence);
  INSERT INTO unsettled_tasks (account_id, batch_id, fence, worker_id, tasks, open)
  SELECT i.account_id, i.batch_id, i.fence, p_worker_id, i.tasks, i.open
  FROM unnest(p_account_ids, p_batch_ids, p_fences, p_tasks, p_open) AS i(account_id, batch_id, fence, tasks, open)
  JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
    AND l.worker_id = p_worker_id AND l.open = i.open;
END
$function$;
COMMENT ON FUNCTION report_unsettled IS 'Stores which tasks of a worker only wait to be settled. Replaces its earlier report, including leases that no longer exist.';

CREATE OR REPLACE FUNCTION public.requeue_tasks(p_account_ids uuid[], p_batch_ids uuid[], p_task_indexes integer[], p_fences bigint[], p_failure_types text[], p_failure_details text[], p_counted boolean[], p_possible_duplicates boolean[], p_delays_ms integer[])
 RETURNS TABLE(ord bigint, answer text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
BEGIN
  UPDATE batch_schedule s SET fence = s.fence + 1
  FROM (
    SELECT b.account_id, b.batch_id FROM batch_schedule b
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT x, y FROM unnest(p_account_ids, p_batch_ids) AS u(x, y))
    ORDER BY b.account_id, b.batch_id FOR NO KEY UPDATE
  ) locked
  WHERE s.account_id = locked.account_id AND s.batch_id = locked.batch_id;
  PERFORM 1 FROM task_leases l
  WHERE (l.account_id, l.batch_id, l.fence) IN (
    SELECT a, b, f FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f))
  ORDER BY l.account_id, l.batch_id, l.fence FOR NO KEY UPDATE;
  -- Locked before they are read below, so that what is remembered of an attempt is its last state.
  PERFORM 1 FROM tasks t
  WHERE (t.account_id, t.batch_id, t.task_index) IN (
    SELECT a, b, i FROM unnest(p_account_ids, p_batch_ids, p_task_indexes) AS u(a, b, i))
  ORDER BY t.account_id, t.batch_id, t.task_index FOR NO KEY UPDATE;
  v_now := rushes_now();

  RETURN QUERY
  WITH
  input AS MATERIALIZED (
    SELECT i.*, s.fence AS new_fence, l.route,
      l.kind = 'range' AND i.task_index BETWEEN l.from_index AND l.to_index AS is_in_range,
      s.batch_id IS NOT NULL AND NOT s.closed AND s.deadline_at > v_now AS is_open
    FROM unnest(p_account_ids, p_batch_ids, p_task_indexes, p_fences, p_failure_types, p_failure_details, p_counted,
      p_possible_duplicates, p_delays_ms) WITH ORDINALITY
      AS i(account_id, batch_id, task_index, fence, failure_type, failure_detail, counted, possible_duplicate,
        delay_ms, ord)
    LEFT JOIN batch_schedule s ON s.account_id = i.account_id AND s.batch_id = i.batch_id
    LEFT JOIN task_leases l ON l.account_id = i.account_id AND l.batch_id = i.batch_id AND l.fence = i.fence
  ),
  before AS MATERIALIZED (
    SELECT t.account_id, t.batch_id, t.task_index, t.upstream_id, t.submitted_at, t.attempt
    FROM tasks t
    WHERE (t.account_id, t.batch_id, t.task_index) IN (SELECT i.account_id, i.batch_id, i.task_index FROM input i)
  ),
  won AS (
    UPDATE tasks t
    SET state = 'queued', fence = i.new_fence, failures = t.failures + CASE WHEN i.counted THEN 1 ELSE 0 END,
      upstream_id = NULL, unknown_since = NULL, failure_detail = left(i.failure_detail, 500)
    FROM input i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND i.is_open
      AND CASE
        WHEN i.failure_type IS NULL THEN t.state = 'queued' AND (t.fence = i.fence OR (t.fence = 0 AND i.is_in_range))
        WHEN i.possible_duplicate AND t.upstream_id IS NOT NULL THEN false
        ELSE t.fence = i.fence AND t.state IN ('submitting', 'running', 'unknown')
      END
    RETURNING i.ord, t.account_id, t.batch_id, t.task_index
  ),
  remembered AS (
    INSERT INTO task_attempts (account_id, batch_id, task_index, attempt, route, failure_type, failure_detail,
      upstream_id, possible_duplicate, submitted_at, ended_at)
    SELECT i.account_id, i.batch_id, i.task_index, b.attempt, i.route, i.failure_type, left(i.failure_detail, 500),
      b.upstream_id, i.possible_duplicate, b.submitted_at, v_now
    FROM won w JOIN input i ON i.ord = w.ord
    JOIN before b ON b.account_id = w.account_id AND b.batch_id = w.batch_id AND b.task_index = w.task_index
    WHERE i.failure_type IS NOT NULL
  ),
  queued AS (
    INSERT INTO task_retries (account_id, batch_id, task_index, due_at)
    SELECT w.account_id, w.batch_id, w.task_index, v_now + i.delay_ms * interval '1 millisecond'
    FROM won w JOIN input i ON i.ord = w.ord
  ),
  released AS (
    UPDATE task_leases l SET open = l.open - d.tasks
    FROM (
      SELECT i.account_id, i.batch_id, i.fence, count(*)::integer AS tasks
      FROM won w JOIN input i ON i.ord = w.ord GROUP BY 1, 2, 3
    ) d
    WHERE l.account_id = d.account_id AND l.batch_id = d.batch_id AND l.fence = d.fence
  )
  SELECT i.ord, CASE WHEN w.ord IS NOT NULL THEN 'requeued' WHEN NOT i.is_open THEN 'closed' ELSE 'lost' END
  FROM input i LEFT JOIN won w ON w.ord = i.ord;

  DELETE FROM task_leases
  WHERE open = 0
    AND (account_id, batch_id) IN (SELECT DISTINCT x, y FROM unnest(p_account_ids, p_batch_ids) AS u(x, y));
END
$function$;
COMMENT ON FUNCTION requeue_tasks IS 'Ends attempts and puts their tasks back into the queue, with a new fence that nobody holds. A null failure type returns a claimed task that was not sent; then no attempt is recorded. Returns ''requeued'', ''closed'' (the batch is canceled or past its deadline, so the caller must settle the failure) or ''lost'' (another worker holds the task, or the upstream''s answer came after all, so it is not sent again).';

CREATE OR REPLACE FUNCTION public.resume_batch(p_account_id uuid, p_batch_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_batch batches;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  SELECT * INTO v_batch FROM batches WHERE account_id = p_account_id AND batch_id = p_batch_id;
  IF v_batch.finished_at IS NOT NULL OR v_batch.cancel_requested_at IS NOT NULL THEN
    RETURN 'final';
  END IF;
  IF NOT v_batch.paused THEN
    RETURN 'not_paused';
  END IF;
  UPDATE batch_schedule SET paused = false WHERE account_id = p_account_id AND batch_id = p_batch_id;
  UPDATE batches SET paused = false, sample_finished = 0, sample_failed = 0
  WHERE account_id = p_account_id AND batch_id = p_batch_id;
  RETURN 'resumed';
END
$function$;
COMMENT ON FUNCTION resume_batch IS 'Resumes a paused batch, and starts counting its failure rate again. Returns ''resumed'', ''not_paused'' or ''final''.';

CREATE OR REPLACE FUNCTION public.reverse_entry(p_account_id uuid, p_seq bigint, p_amount bigint, p_reason text, p_reference text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_entry credit_ledger;
  v_before credit_ledger;
  v_left bigint;
  v_amount bigint;
BEGIN
  PERFORM 1 FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_before FROM credit_ledger
  WHERE account_id = p_account_id AND kind = 'reversal' AND reference = p_reference;
  IF FOUND THEN
    -- A null amount means all that was left of the entry at that time.
    SELECT e.amount - coalesce(sum(r.amount), 0) INTO v_left
    FROM credit_ledger e LEFT JOIN credit_ledger r
      ON r.account_id = e.account_id AND r.kind = 'reversal' AND r.reverses_seq = e.seq AND r.seq < v_before.seq
    WHERE e.account_id = p_account_id AND e.seq = v_before.reverses_seq GROUP BY e.amount;
    RETURN CASE
      WHEN v_before.reverses_seq = p_seq AND v_before.amount = coalesce(p_amount, v_left) THEN 'already_reversed'
      ELSE 'reference_conflict'
    END;
  END IF;
  SELECT * INTO v_entry FROM credit_ledger WHERE account_id = p_account_id AND seq = p_seq;
  IF NOT FOUND THEN
    RETURN 'no_such_entry';
  END IF;
  IF v_entry.kind NOT IN ('charge', 'forfeit') THEN
    RETURN 'not_reversible';
  END IF;
  v_left := v_entry.amount - coalesce((SELECT sum(amount) FROM credit_ledger
    WHERE account_id = p_account_id AND kind = 'reversal' AND reverses_seq = p_seq), 0);
  v_amount := coalesce(p_amount, v_left);
  IF v_amount <= 0 OR v_amount > v_left THEN
    RETURN 'exceeds_entry';
  END IF;
  PERFORM append_entry(p_account_id, 'reversal', v_amount, NULL, NULL, p_seq, p_reason, p_reference);
  RETURN 'reversed';
END
$function$;
COMMENT ON FUNCTION reverse_entry IS 'Gives back credits of a charge or a forfeit; all that is left of the entry when the amount is null. Idempotent by reference, without a time limit. Returns ''reversed'', ''already_reversed'' (this reference did it before), ''reference_conflict'' (the reference belongs to another reversal), ''no_such_entry'', ''not_reversible'' (not a charge or a forfeit) or ''exceeds_entry'' (more than is left of the entry). Only ''reversed'' changes something.';

CREATE OR REPLACE FUNCTION public.revoke_credits(p_account_id uuid, p_amount bigint, p_reason text, p_reference text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_account credit_accounts;
  v_before credit_revocations;
BEGIN
  SELECT * INTO v_account FROM credit_accounts WHERE account_id = p_account_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'account % has no credit account', p_account_id USING ERRCODE = 'no_data_found';
  END IF;
  SELECT * INTO v_before FROM credit_revocations WHERE account_id = p_account_id AND reference = p_reference;
  IF FOUND THEN
    RETURN CASE WHEN v_before.amount = p_amount THEN 'already_revoked' ELSE 'reference_conflict' END;
  END IF;
  IF p_amount > 9007199254740991 - v_account.debt THEN
    RETURN 'too_much';
  END IF;
  INSERT INTO credit_revocations (account_id, reference, position, amount, revoked, reason, created_at)
  SELECT p_account_id, p_reference, coalesce(max(position), 0) + 1, p_amount, 0, p_reason, rushes_now()
  FROM credit_revocations WHERE account_id = p_account_id;
  UPDATE credit_accounts SET debt = debt + p_amount WHERE account_id = p_account_id;
  PERFORM settle_debt(p_account_id, p_reference);
  PERFORM announce_low_credits(v_account);
  RETURN 'revoked';
END
$function$;
COMMENT ON FUNCTION revoke_credits IS 'Takes back credits whose payment was refunded or charged back. Available credits are taken at once; the rest becomes the account''s debt, which blocks new reservations and is paid by the next purchases. Idempotent by reference, without a time limit. Returns ''revoked'', ''already_revoked'', ''reference_conflict'' or ''too_much'' (the debt would no longer be an exact number in JSON).';

CREATE OR REPLACE FUNCTION public.rushes_now()
 RETURNS timestamp with time zone
 LANGUAGE sql
 PARALLEL SAFE
AS $function$ SELECT clock_timestamp() $function$;
COMMENT ON FUNCTION rushes_now IS 'The clock for money, leases and deadlines. Tests and the simulation replace it with a clock that can be set.';

CREATE OR REPLACE FUNCTION public.settle_debt(p_account_id uuid, p_reference text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_revocation credit_revocations;
  v_amount bigint;
BEGIN
  FOR v_revocation IN
    SELECT * FROM credit_revocations
    WHERE account_id = p_account_id AND revoked < amount AND (p_reference IS NULL OR reference = p_reference)
    ORDER BY position
  LOOP
    SELECT least(c.available, v_revocation.amount - v_revocation.revoked) INTO v_amount
    FROM credit_accounts c WHERE c.account_id = p_account_id;
    EXIT WHEN v_amount = 0;
    PERFORM append_entry(p_account_id, 'revoke', v_amount, NULL, NULL, NULL, v_revocation.reason, v_revocation.reference);
    UPDATE credit_accounts SET debt = debt - v_amount WHERE account_id = p_account_id;
    UPDATE credit_revocations SET revoked = revoked + v_amount
    WHERE account_id = p_account_id AND reference = v_revocation.reference;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION settle_debt IS 'Pays open revocations with the available credits, the oldest first, or one revocation only. The caller must hold the lock of the account row.';

CREATE OR REPLACE FUNCTION public.settle_tasks(p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[], p_claims integer[], p_task_indexes integer[], p_outcomes text[], p_failure_types text[], p_failure_details text[], p_upstream_ids text[], p_video_keys text[], p_video_bytes bigint[], p_video_sha256 bytea[], p_video_content_types text[])
 RETURNS TABLE(answer text, places integer[])
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_batch batches;
  v_is_guarded boolean;
  v_settled integer[];
  v_rest integer[];
  v_ended_accounts uuid[];
  v_ended_batches uuid[];
  v_ended_seqs bigint[];
  -- Of each claim. The numbers of its account and batch follow the order in which everyone locks.
  v_account_numbers integer[];
  v_batch_numbers integer[];
  v_terms jsonb[];
  v_prices bigint[];
  v_endpoints uuid[];
  v_deadlines timestamptz[];
  v_open integer[];
  v_seqs bigint[];
  v_event_seqs bigint[];
  v_entry_times timestamptz[];
  v_available bigint[];
  v_reserved bigint[];
  v_spent bigint[];
BEGIN
  PERFORM 1 FROM credit_accounts
  WHERE account_id IN (SELECT DISTINCT unnest(p_account_ids))
  ORDER BY account_id FOR NO KEY UPDATE;
  PERFORM 1 FROM credit_holds
  WHERE (account_id, batch_id) IN (SELECT DISTINCT a, b FROM unnest(p_account_ids, p_batch_ids) AS u(a, b))
  ORDER BY account_id, batch_id FOR NO KEY UPDATE;
  -- Only where this call may end or pause the batch: otherwise claims, which skip a locked row, would wait for settling.
  PERFORM 1 FROM batch_schedule s
  JOIN (
    SELECT p_account_ids[c.claim] AS account_id, p_batch_ids[c.claim] AS batch_id, sum(c.tasks) AS tasks
    FROM (SELECT u.claim, count(*) AS tasks FROM unnest(p_claims) AS u(claim) GROUP BY 1) c
    GROUP BY 1, 2
  ) i ON i.account_id = s.account_id AND i.batch_id = s.batch_id
  JOIN batches b ON b.account_id = s.account_id AND b.batch_id = s.batch_id
  WHERE b.max_failure_rate IS NOT NULL OR b.succeeded + b.failed + b.canceled + i.tasks >= b.total
  ORDER BY s.account_id, s.batch_id FOR NO KEY UPDATE OF s;
  -- Before the tasks, as a takeover does: the two would otherwise wait for each other.
  PERFORM 1 FROM task_leases l
  JOIN (SELECT DISTINCT a AS account_id, b AS batch_id, f AS fence FROM unnest(p_account_ids, p_batch_ids, p_fences) AS u(a, b, f)) i
    ON i.account_id = l.account_id AND i.batch_id = l.batch_id AND (i.fence = l.fence OR (i.fence = 0 AND l.kind = 'range'))
  ORDER BY l.account_id, l.batch_id, l.fence FOR NO KEY UPDATE OF l;
  v_now := rushes_now();

  SELECT array_agg(d.account_number ORDER BY d.claim), array_agg(d.batch_number ORDER BY d.claim),
    array_agg(d.terms ORDER BY d.claim), array_agg(d.unit_price ORDER BY d.claim),
    array_agg(d.webhook_endpoint_id ORDER BY d.claim), array_agg(d.deadline_at ORDER BY d.claim),
    array_agg(d.last_seq ORDER BY d.claim), array_agg(d.last_event_seq ORDER BY d.claim),
    array_agg(d.entry_at ORDER BY d.claim), array_agg(d.available ORDER BY d.claim),
    array_agg(d.reserved ORDER BY d.claim),
    array_agg(d.spent ORDER BY d.claim), array_agg(d.open ORDER BY d.claim), coalesce(bool_or(d.is_guarded), false)
  INTO v_account_numbers, v_batch_numbers, v_terms, v_prices, v_endpoints, v_deadlines, v_seqs, v_event_seqs, v_entry_times,
    v_available, v_reserved, v_spent, v_open, v_is_guarded
  FROM (
    SELECT u.claim, b.terms, b.unit_price, b.webhook_endpoint_id, b.deadline_at,
      b.total - b.succeeded - b.failed - b.canceled AS open, b.max_failure_rate IS NOT NULL AS is_guarded,
      c.last_seq, c.last_event_seq, greatest(v_now, c.last_entry_at) AS entry_at, c.available, c.reserved, c.spent,
      dense_rank() OVER (ORDER BY u.account_id)::integer AS account_number,
      dense_rank() OVER (ORDER BY u.account_id, u.batch_id)::integer AS batch_number
    FROM unnest(p_account_ids, p_batch_ids) WITH ORDINALITY AS u(account_id, batch_id, claim)
    LEFT JOIN batches b ON b.account_id = u.account_id AND b.batch_id = u.batch_id
    LEFT JOIN credit_accounts c ON c.account_id = u.account_id
  ) d;

  WITH
  swapped AS (
    UPDATE tasks t
    SET state = CASE i.outcome WHEN 'succeeded' THEN 'succeeded' WHEN 'canceled' THEN 'canceled' ELSE 'failed' END,
      resolution = CASE
        WHEN i.outcome = 'succeeded' THEN 'charge'
        ELSE coalesce(v_terms[i.claim] ->> i.failure_type, 'refund')
      END,
      failure_type = CASE WHEN i.outcome <> 'succeeded' THEN i.failure_type END,
      failure_detail = left(p_failure_details[i.place], 500),
      upstream_id = coalesce(p_upstream_ids[i.place], t.upstream_id),
      unknown_since = CASE WHEN i.outcome <> 'succeeded' THEN t.unknown_since END,
      finished_at = v_now,
      video_key = CASE WHEN i.outcome = 'succeeded' THEN p_video_keys[i.place] END,
      video_bytes = CASE WHEN i.outcome = 'succeeded' THEN p_video_bytes[i.place] END,
      video_sha256 = CASE WHEN i.outcome = 'succeeded' THEN p_video_sha256[i.place] END,
      video_content_type = CASE WHEN i.outcome = 'succeeded' THEN p_video_content_types[i.place] END
    FROM (
      SELECT s.claim, s.task_index, s.place::integer AS place, p_account_ids[s.claim] AS account_id,
        p_batch_ids[s.claim] AS batch_id, p_fences[s.claim] AS fence, p_outcomes[s.place] AS outcome,
        p_failure_types[s.place] AS failure_type
      FROM (
        SELECT * FROM unnest(p_claims, p_task_indexes) WITH ORDINALITY AS u(claim, task_index, place)
        ORDER BY v_batch_numbers[u.claim], u.task_index, u.place
      ) s
    ) i
    WHERE t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      AND t.fence = i.fence
      AND CASE i.outcome
        WHEN 'succeeded' THEN t.state IN ('submitting', 'running', 'unknown')
        WHEN 'failed' THEN t.state IN ('submitting', 'running', 'unknown')
          AND (i.failure_type <> 'timeout' OR t.timeout_at <= v_now)
        WHEN 'canceled' THEN t.state = 'queued'
        WHEN 'expired' THEN t.state = 'queued' AND v_deadlines[i.claim] <= v_now
      END
    RETURNING i.place, i.claim, t.task_index, t.state, t.resolution, t.failure_type
  ),
  numbered AS MATERIALIZED (
    SELECT s.*, row_number() OVER w AS n,
      sum(CASE WHEN s.resolution = 'refund' THEN v_prices[s.claim] ELSE 0 END) OVER w AS refunded_so_far,
      sum(v_prices[s.claim]) OVER w AS released_so_far
    FROM swapped s
    WINDOW w AS (PARTITION BY v_account_numbers[s.claim] ORDER BY v_batch_numbers[s.claim], s.task_index ROWS UNBOUNDED PRECEDING)
  ),
  entries AS (
    INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount,
      available_after, reserved_after, spent_after, batch_id, task_index, reason, created_at)
    SELECT p_account_ids[n.claim], v_seqs[n.claim] + n.n, n.resolution, entry_from_bucket(n.resolution),
      entry_to_bucket(n.resolution), v_prices[n.claim],
      v_available[n.claim] + n.refunded_so_far,
      v_reserved[n.claim] - n.released_so_far,
      v_spent[n.claim] + n.released_so_far - n.refunded_so_far,
      p_batch_ids[n.claim], n.task_index, n.failure_type, v_entry_times[n.claim]
    FROM numbered n
  ),
  per_claim AS MATERIALIZED (
    SELECT n.claim, n.state, n.resolution, n.failure_type, count(*) AS tasks
    FROM numbered n GROUP BY 1, 2, 3, 4
  ),
  per_batch AS MATERIALIZED (
    SELECT p_account_ids[p.claim] AS account_id, p_batch_ids[p.claim] AS batch_id, min(v_event_seqs[p.claim]) AS last_event_seq,
      sum(p.tasks) = min(v_open[p.claim]) AS ends, sum(p.tasks) AS tasks,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'succeeded'), 0) AS succeeded,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'failed'), 0) AS failed,
      coalesce(sum(p.tasks) FILTER (WHERE p.state = 'canceled'), 0) AS canceled,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'charge'), 0) AS charged,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'refund'), 0) AS refunded,
      coalesce(sum(p.tasks * v_prices[p.claim]) FILTER (WHERE p.resolution = 'forfeit'), 0) AS forfeited
    FROM per_claim p GROUP BY 1, 2
  ),
  told AS (
    INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
    SELECT p_account_ids[n.claim], v_event_seqs[n.claim] + n.n, 'task.' || n.state, p_batch_ids[n.claim], n.task_index,
      v_endpoints[n.claim], NULL, v_now
    FROM numbered n
  ),
  explained AS (
    INSERT INTO batch_failures AS f (account_id, batch_id, failure_type, tasks)
    SELECT p_account_ids[p.claim], p_batch_ids[p.claim], p.failure_type, sum(p.tasks)
    FROM per_claim p WHERE p.failure_type IS NOT NULL
    GROUP BY 1, 2, 3
    ON CONFLICT (account_id, batch_id, failure_type) DO UPDATE SET tasks = f.tasks + excluded.tasks
  ),
  moved AS (
    UPDATE credit_accounts c
    SET available = c.available + d.refunded,
      reserved = c.reserved - d.released,
      spent = c.spent + d.released - d.refunded,
      last_seq = c.last_seq + d.entries,
      -- A batch can end without a new entry.
      last_entry_at = CASE WHEN d.entries > 0 THEN greatest(v_now, c.last_entry_at) ELSE c.last_entry_at END,
      last_event_seq = c.last_event_seq + d.entries + d.ended
    FROM (
      SELECT p.account_id, sum(p.tasks) AS entries, sum(p.refunded) AS refunded,
        sum(p.charged + p.refunded + p.forfeited) AS released, count(*) FILTER (WHERE p.ends) AS ended
      FROM per_batch p GROUP BY 1
    ) d
    WHERE c.account_id = d.account_id
  ),
  held AS (
    -- The CHECK of a closed hold refuses this when anything of it is still unresolved.
    UPDATE credit_holds h
    SET charged = h.charged + p.charged, refunded = h.refunded + p.refunded, forfeited = h.forfeited + p.forfeited,
      state = CASE WHEN p.ends THEN 'closed' ELSE h.state END
    FROM per_batch p
    WHERE h.account_id = p.account_id AND h.batch_id = p.batch_id
  ),
  counted AS (
    UPDATE batches b
    SET succeeded = b.succeeded + p.succeeded,
      failed = b.failed + p.failed,
      canceled = b.canceled + p.canceled,
      sample_finished = b.sample_finished + p.succeeded + p.failed,
      sample_failed = b.sample_failed + p.failed,
      status = CASE
        WHEN p.ends THEN batch_end_status(b.total, (b.succeeded + p.succeeded)::bigint, (b.canceled + p.canceled)::bigint)
        ELSE b.status
      END,
      paused = b.paused AND NOT p.ends,
      finished_at = CASE WHEN p.ends THEN v_now END
    FROM per_batch p
    WHERE b.account_id = p.account_id AND b.batch_id = p.batch_id
  ),
  unscheduled AS (
    DELETE FROM batch_schedule s USING per_batch p
    WHERE p.ends AND s.account_id = p.account_id AND s.batch_id = p.batch_id
  ),
  ended AS (
    SELECT array_agg(e.account_id) AS account_ids, array_agg(e.batch_id) AS batch_ids, array_agg(e.seq) AS seqs
    FROM (
      SELECT p.account_id, p.batch_id, p.ends, p.last_event_seq
        + sum(p.tasks) OVER (PARTITION BY p.account_id)
        + count(*) FILTER (WHERE p.ends) OVER (PARTITION BY p.account_id ORDER BY p.batch_id) AS seq
      FROM per_batch p
    ) e
    WHERE e.ends
  ),
  -- A task that was claimed but never stamped belongs to the range that its index lies in.
  let_go AS MATERIALIZED (
    SELECT g.account_id, g.batch_id, g.fence, sum(g.tasks) AS tasks
    FROM (
      SELECT p_account_ids[p.claim] AS account_id, p_batch_ids[p.claim] AS batch_id, p_fences[p.claim] AS fence, p.tasks
      FROM per_claim p WHERE p_fences[p.claim] <> 0
      UNION ALL
      SELECT r.account_id, r.batch_id, r.fence, 1
      FROM numbered n JOIN task_leases r ON r.kind = 'range' AND r.account_id = p_account_ids[n.claim]
        AND r.batch_id = p_batch_ids[n.claim] AND n.task_index BETWEEN r.from_index AND r.to_index
      WHERE 0 = ANY (p_fences) AND p_fences[n.claim] = 0
    ) g GROUP BY 1, 2, 3
  ),
  released AS (
    UPDATE task_leases l SET open = l.open - g.tasks FROM let_go g
    WHERE l.account_id = g.account_id AND l.batch_id = g.batch_id AND l.fence = g.fence AND l.open <> g.tasks
  ),
  emptied AS (
    DELETE FROM task_leases l USING let_go g
    WHERE l.account_id = g.account_id AND l.batch_id = g.batch_id AND l.fence = g.fence AND l.open = g.tasks
  ),
  unretried AS (
    DELETE FROM task_retries r USING numbered n
    WHERE p_outcomes && '{canceled,expired}' AND p_outcomes[n.place] IN ('canceled', 'expired')
      AND r.account_id = p_account_ids[n.claim] AND r.batch_id = p_batch_ids[n.claim] AND r.task_index = n.task_index
  )
  SELECT (SELECT array_agg(n.place) FROM numbered n), e.account_ids, e.batch_ids, e.seqs
  INTO v_settled, v_ended_accounts, v_ended_batches, v_ended_seqs FROM ended e;

  answer := 'settled';
  IF cardinality(v_settled) = cardinality(p_claims) THEN
    RETURN NEXT;
  ELSE
    IF v_settled IS NOT NULL THEN
      places := v_settled;
      RETURN NEXT;
    END IF;
    -- Of a task named twice under one claim the first is answered.
    v_rest := ARRAY(
      SELECT min(u.place)::integer FROM unnest(p_claims, p_task_indexes) WITH ORDINALITY AS u(claim, task_index, place)
      GROUP BY u.claim, u.task_index
      EXCEPT SELECT unnest(v_settled));
    RETURN QUERY
    WITH rest AS MATERIALIZED (
      SELECT r.place, p_account_ids[p_claims[r.place]] AS account_id, p_batch_ids[p_claims[r.place]] AS batch_id,
        p_task_indexes[r.place] AS task_index, p_fences[p_claims[r.place]] AS fence, p_outcomes[r.place] AS outcome
      FROM unnest(v_rest) AS r(place)
    ),
    late AS (
      INSERT INTO late_results (account_id, batch_id, task_index, fence, outcome, failure_type, upstream_id, recorded_at)
      SELECT i.account_id, i.batch_id, i.task_index, i.fence, i.outcome, p_failure_types[i.place], p_upstream_ids[i.place],
        v_now
      FROM rest i JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
      -- The same outcome again is our own commit whose answer was lost.
      WHERE t.resolution IS NOT NULL AND i.outcome IN ('succeeded', 'failed') AND t.state <> i.outcome
      ON CONFLICT DO NOTHING
    )
    SELECT CASE WHEN t.resolution IS NOT NULL THEN 'late' ELSE 'lost' END, array_agg(i.place)
    FROM rest i
    LEFT JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
    GROUP BY 1;
  END IF;

  IF v_ended_batches IS NOT NULL THEN
    -- A lease without tasks would take a slot for ever.
    DELETE FROM task_leases l USING unnest(v_ended_accounts, v_ended_batches) AS i(account_id, batch_id)
    WHERE l.account_id = i.account_id AND l.batch_id = i.batch_id;
    PERFORM write_batch_events(v_ended_accounts, v_ended_batches, v_ended_seqs, NULL, NULL);
  END IF;

  IF NOT v_is_guarded THEN
    RETURN;
  END IF;

  FOR v_batch IN
    SELECT b.* FROM batches b
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT a, c FROM unnest(p_account_ids, p_batch_ids) AS u(a, c))
      AND b.finished_at IS NULL AND NOT b.paused
      AND b.sample_finished >= 20 AND b.sample_failed > b.max_failure_rate * b.sample_finished
    ORDER BY b.account_id, b.batch_id
  LOOP
    PERFORM pause_batch(v_batch.account_id, v_batch.batch_id, 'max_failure_rate');
  END LOOP;
END
$function$;
COMMENT ON FUNCTION settle_tasks IS 'Makes tasks final; there is no other way. One call settles many tasks of several batches and accounts in one transaction: it changes their states, appends the ledger entries, updates balances, holds, counters and leases, ends batches, and writes the events. The outcomes ''succeeded'' and ''failed'' end a task in flight with the caller''s fence; ''canceled'' and ''expired'' end a queued task. A timeout counts only when the database''s clock agrees. Returns one row for each answer with the places of its tasks, null for all of them: ''settled'', ''lost'' (another worker or state: nothing changed) or ''late'' (the task was final already: nothing changed, and the outcome is kept in late_results). It waits at most a second for a lock, because one locked account must not delay the outcomes of the others.';

CREATE OR REPLACE FUNCTION public.start_batches(p_account_ids uuid[], p_batch_ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
DECLARE
  v_accounts uuid[];
  v_batches uuid[];
  v_now timestamptz;
BEGIN
  PERFORM 1 FROM credit_accounts
  WHERE account_id IN (SELECT DISTINCT unnest(p_account_ids))
  ORDER BY account_id FOR NO KEY UPDATE;
  v_now := rushes_now();
  WITH started AS (
    UPDATE batches b SET status = 'processing', started_at = v_now
    WHERE (b.account_id, b.batch_id) IN (SELECT DISTINCT a, c FROM unnest(p_account_ids, p_batch_ids) AS u(a, c))
      AND b.status = 'queued'
    RETURNING b.account_id, b.batch_id
  )
  SELECT array_agg(s.account_id), array_agg(s.batch_id) INTO v_accounts, v_batches FROM started s;
  IF v_batches IS NOT NULL THEN
    PERFORM append_batch_events(v_accounts, v_batches, NULL, NULL);
  END IF;
END
$function$;
COMMENT ON FUNCTION start_batches IS 'Marks batches as processing and writes the event, when their first task is about to be sent.';

CREATE OR REPLACE FUNCTION public.take_callbacks(p_worker_id uuid, p_routes text[], p_limit integer, p_again_ms integer)
 RETURNS TABLE(account_id uuid, batch_id uuid, task_index integer, attempt integer, route text, upstream_id text, tries integer, kind text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  RETURN QUERY
  WITH
  due AS MATERIALIZED (
    SELECT c.*, k.kind
    FROM upstream_callbacks c
    JOIN tasks t ON t.account_id = c.account_id AND t.batch_id = c.batch_id AND t.task_index = c.task_index
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN c.received_at < v_now - interval '1 day' THEN 'nothing'
        WHEN t.attempt = c.attempt AND t.state = 'submitting' THEN 'wait'
        WHEN t.attempt = c.attempt AND t.state = 'unknown' AND t.upstream_id IS NULL THEN 'open'
        WHEN t.attempt = c.attempt AND t.state IN ('running', 'unknown') AND t.upstream_id = c.upstream_id THEN 'ended'
        WHEN t.attempt = c.attempt AND t.state = 'failed' AND t.unknown_since IS NOT NULL AND t.upstream_id IS NULL
          THEN 'past'
        WHEN EXISTS (
          SELECT FROM task_attempts a
          WHERE a.account_id = c.account_id AND a.batch_id = c.batch_id AND a.task_index = c.task_index
            AND a.attempt = c.attempt AND a.possible_duplicate AND a.upstream_id IS NULL) THEN 'past'
        ELSE 'nothing'
      END AS kind
    ) k
    WHERE c.due_at <= v_now AND c.route = ANY (p_routes) AND k.kind <> 'wait'
      AND (k.kind IN ('past', 'nothing') OR EXISTS (
        SELECT FROM task_leases l
        WHERE l.account_id = t.account_id AND l.batch_id = t.batch_id AND l.fence = t.fence
          AND l.worker_id = p_worker_id))
    ORDER BY c.due_at LIMIT p_limit
    FOR UPDATE OF c SKIP LOCKED
  ),
  gone AS (
    DELETE FROM upstream_callbacks c USING due d
    WHERE d.kind IN ('ended', 'nothing')
      AND c.account_id = d.account_id AND c.batch_id = d.batch_id AND c.task_index = d.task_index
      AND c.attempt = d.attempt AND c.upstream_id = d.upstream_id
  ),
  again AS (
    UPDATE upstream_callbacks c
    SET tries = d.tries + 1, due_at = v_now + p_again_ms * 2 ^ least(d.tries, 10) * interval '1 millisecond'
    FROM due d
    WHERE d.kind IN ('open', 'past')
      AND c.account_id = d.account_id AND c.batch_id = d.batch_id AND c.task_index = d.task_index
      AND c.attempt = d.attempt AND c.upstream_id = d.upstream_id
  )
  SELECT d.account_id, d.batch_id, d.task_index, d.attempt, d.route, d.upstream_id, d.tries, d.kind
  FROM due d WHERE d.kind <> 'nothing';
END
$function$;
COMMENT ON FUNCTION take_callbacks IS 'Returns the callbacks that this worker should check now: about tasks that it holds, and about attempts that ended with an unknown outcome. ''ended'': the result of a running task may be ready; the callback is deleted, because the task is polled anyway. ''open'': a task with an unknown outcome. ''past'': an attempt or task that has ended. The last two are returned again later, less and less often, until they are confirmed or dropped. A callback waits while the answer to its submission may still come. Callbacks older than a day are deleted.';

CREATE OR REPLACE FUNCTION public.take_over_leases(p_worker_id uuid, p_lease_ms integer, p_tasks integer, p_routes text[] DEFAULT NULL::text[])
 RETURNS TABLE(account_id uuid, batch_id uuid, fence bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
  v_now timestamptz := rushes_now();
  v_lease record;
  v_fence bigint;
  v_open integer;
  v_taken integer := 0;
BEGIN
  FOR v_lease IN
    -- The longest expired, each of which has a task; then in the order in which everyone locks.
    SELECT e.account_id, e.batch_id, e.fence, e.kind, e.from_index, e.to_index
    FROM (
      SELECT l.account_id, l.batch_id, l.fence, l.kind, l.from_index, l.to_index
      FROM task_leases l JOIN batch_schedule b ON b.account_id = l.account_id AND b.batch_id = l.batch_id
      WHERE l.lease_until <= v_now AND (p_routes IS NULL OR l.route = ANY (p_routes)
        OR l.lease_until + b.timeout_ms * interval '1 millisecond' <= v_now)
      ORDER BY l.lease_until LIMIT p_tasks
    ) e
    ORDER BY e.account_id, e.batch_id, e.from_index
  LOOP
    EXIT WHEN v_taken >= p_tasks;
    SELECT s.fence + 1 INTO v_fence FROM batch_schedule s
    WHERE s.account_id = v_lease.account_id AND s.batch_id = v_lease.batch_id
    FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    -- Renewed, settled or taken by another worker since it was listed?
    PERFORM 1 FROM task_leases l
    WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence
      AND l.lease_until <= v_now
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;

    WITH stamped AS (
      UPDATE tasks t
      SET fence = v_fence,
        state = CASE t.state WHEN 'submitting' THEN 'unknown' ELSE t.state END,
        unknown_since = CASE t.state WHEN 'submitting' THEN v_now ELSE t.unknown_since END
      WHERE t.account_id = v_lease.account_id AND t.batch_id = v_lease.batch_id
        AND t.task_index BETWEEN v_lease.from_index AND v_lease.to_index
        AND (t.fence = v_lease.fence OR (t.fence = 0 AND v_lease.kind = 'range'))
        AND t.resolution IS NULL
      RETURNING 1
    )
    SELECT count(*) INTO v_open FROM stamped;
    UPDATE batch_schedule s SET fence = v_fence
    WHERE s.account_id = v_lease.account_id AND s.batch_id = v_lease.batch_id;
    IF v_open = 0 THEN
      DELETE FROM task_leases l
      WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence;
    ELSE
      UPDATE task_leases l
      SET fence = v_fence, open = v_open, worker_id = p_worker_id,
        lease_until = v_now + p_lease_ms * interval '1 millisecond'
      WHERE l.account_id = v_lease.account_id AND l.batch_id = v_lease.batch_id AND l.fence = v_lease.fence;
      v_taken := v_taken + v_open;
      account_id := v_lease.account_id;
      batch_id := v_lease.batch_id;
      fence := v_fence;
      RETURN NEXT;
    END IF;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION take_over_leases IS 'Takes over expired leases. The lease and each of its unfinished tasks get a new fence, so that writes of the old worker have no effect. Tasks that it was submitting become unknown. p_routes are the routes that the worker serves; null means all. A lease of another route is left to a worker that serves it, until it is older than the timeout of its submissions: then any worker may end its tasks.';

CREATE OR REPLACE FUNCTION public.task_event_data(p_account_id uuid, p_batch_id uuid, p_task_index integer)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  SELECT jsonb_build_object('custom_id', t.custom_id, 'model', b.model, 'status', t.state, 'attempts', t.attempt,
    'failure_type', t.failure_type, 'resolution', t.resolution, 'unit_price', b.unit_price,
    'video', CASE WHEN t.state = 'succeeded' THEN jsonb_build_object('bytes', t.video_bytes,
      'sha256', encode(t.video_sha256, 'hex'), 'content_type', t.video_content_type) END)
  FROM tasks t JOIN batches b ON b.account_id = t.account_id AND b.batch_id = t.batch_id
  WHERE t.account_id = p_account_id AND t.batch_id = p_batch_id AND t.task_index = p_task_index
$function$;
COMMENT ON FUNCTION task_event_data IS 'Returns the data of a task.* event. It is read from the task, which no longer changes, so the event has no copy.';

CREATE OR REPLACE FUNCTION public.void_leases(p_worker_id uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
DECLARE
  v_now timestamptz := rushes_now();
  v_voided bigint;
BEGIN
  UPDATE task_leases l SET lease_until = v_now
  FROM (
    SELECT h.account_id, h.batch_id, h.fence FROM task_leases h
    WHERE h.worker_id = p_worker_id AND h.lease_until > v_now
    ORDER BY h.account_id, h.batch_id, h.fence FOR NO KEY UPDATE
  ) held
  WHERE l.account_id = held.account_id AND l.batch_id = held.batch_id AND l.fence = held.fence;
  GET DIAGNOSTICS v_voided = ROW_COUNT;
  RETURN v_voided;
END
$function$;
COMMENT ON FUNCTION void_leases IS 'Ends all leases of a worker at once: its own when it stops, or those of a process that is known to be dead.';

CREATE OR REPLACE FUNCTION public.write_batch_events(p_account_ids uuid[], p_batch_ids uuid[], p_seqs bigint[], p_type text, p_reason text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  INSERT INTO events (account_id, seq, type, batch_id, task_index, endpoint_id, data, created_at)
  SELECT b.account_id, i.seq, coalesce(p_type, 'batch.' || b.status), b.batch_id, NULL, b.webhook_endpoint_id,
    jsonb_build_object(
      'request_id', b.request_id,
      'model', b.model,
      'status', b.status,
      'counts', jsonb_build_object('total', b.total,
        'processing', (SELECT coalesce(sum(l.open), 0) FROM task_leases l
          WHERE l.account_id = b.account_id AND l.batch_id = b.batch_id),
        'succeeded', b.succeeded, 'failed', b.failed, 'canceled', b.canceled),
      'credits', jsonb_build_object('unit_price', b.unit_price, 'reserved', h.amount,
        'held', h.amount - h.charged - h.refunded - h.forfeited,
        'charged', h.charged, 'refunded', h.refunded, 'forfeited', h.forfeited),
      'metadata', b.metadata,
      'created_at', b.created_at,
      'started_at', b.started_at,
      'finished_at', b.finished_at)
    -- Kept in the event, so that every attempt to deliver it has the same bytes. It covers what was sealed by now, which may
    -- lack this batch's last entries.
    || CASE WHEN b.finished_at IS NOT NULL THEN jsonb_build_object('ledger_checkpoint', (
      SELECT t.checkpoint FROM ledger_trees t WHERE t.account_id = b.account_id AND t.closed_at IS NULL)) ELSE '{}' END
    || CASE WHEN p_reason IS NOT NULL THEN jsonb_build_object('reason', p_reason) ELSE '{}' END,
    v_now
  FROM unnest(p_account_ids, p_batch_ids, p_seqs) AS i(account_id, batch_id, seq)
  JOIN batches b ON b.account_id = i.account_id AND b.batch_id = i.batch_id
  JOIN credit_holds h ON h.account_id = i.account_id AND h.batch_id = i.batch_id;
END
$function$;
COMMENT ON FUNCTION write_batch_events IS 'Writes an event of each batch with the given numbers. The type is ''batch.'' || status, or p_type when given; p_reason is added to the data. The caller must hold the locks of the accounts and update last_event_seq. It writes many events at once, because the data of one event would take longer than settling ten tasks. Ids get their public form when the event is shown.';
