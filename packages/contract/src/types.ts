// Written by `npm run generate -w packages/contract`; change the schemas, not this file.
/* eslint-disable max-lines */
/** The shapes that cross the wire: JSON, snake_case, UTC ISO 8601 times, integer credits. */

/** The account that the API key belongs to, as the customer sees it. */
export interface Account {
  id: string;
  name: string;
  plan: 'pilot' | 'growth' | 'enterprise';
  mode: 'live' | 'test';
  status: 'active' | 'suspended' | 'blocked' | 'terminated';
  /** Requests that each key may send in any 60 seconds. */
  rate_limit_per_min: number;
  /** Tasks of the account that may run at the same time. */
  max_concurrent_tasks: number;
  /** What happens to the credits of a task that ends for one of these reasons. */
  terms: Terms;
  /** The event `credits.low` is sent when the available credits fall below this number; null means that it is never sent. */
  low_credits_threshold: number | null;
  /** UTC, ISO 8601. */
  created_at: string;
}

export interface Batch {
  id: string;
  request_id: string;
  model: string;
  status: 'queued' | 'processing' | 'completed' | 'partial' | 'failed' | 'canceled';
  paused: boolean;
  canceling: boolean;
  counts: BatchCounts;
  credits: BatchCredits;
  metadata: Record<string, string>;
  /** The batch whose failed tasks this one retries. */
  retry_of: string | null;
  /** Number of tasks that failed or were canceled, by failure type; empty when there are none. */
  failure_summary: Partial<
    Record<
      | 'provider_error'
      | 'storage_error'
      | 'provider_rate_limited'
      | 'provider_unavailable'
      | 'timeout'
      | 'invalid_request'
      | 'model_retired'
      | 'internal_error'
      | 'moderation_input'
      | 'moderation_output'
      | 'canceled',
      number
    >
  >;
  /** UTC, ISO 8601. */
  created_at: string;
  /** UTC, ISO 8601. */
  started_at: string | null;
  /** UTC, ISO 8601. */
  finished_at: string | null;
  /** UTC, ISO 8601. */
  deadline_at: string;
}

/** Sent when a batch that was canceled ends. */
export interface BatchCanceledEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'batch.canceled';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

/** Sent when a batch ends and every task succeeded. */
export interface BatchCompletedEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'batch.completed';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

export interface BatchCounts {
  total: number;
  queued: number;
  processing: number;
  succeeded: number;
  failed: number;
  canceled: number;
}

export interface BatchCredits {
  unit_price: number;
  /** Credits reserved when the batch was created. */
  reserved: number;
  /** Credits that are still reserved. */
  held: number;
  charged: number;
  refunded: number;
  forfeited: number;
}

/** The batch at the time of the event. */
export interface BatchEventData {
  id: string;
  /** The same as `id`. */
  batch_id: string;
  request_id: string;
  model: string;
  status: 'queued' | 'processing' | 'completed' | 'partial' | 'failed' | 'canceled';
  counts: BatchCounts;
  credits: BatchCredits;
  /** Labels of the batch. Empty when they would make the event too large; then `metadata_omitted` is true. */
  metadata: Record<string, string>;
  metadata_omitted?: boolean;
  /** UTC, ISO 8601. */
  created_at: string;
  /** UTC, ISO 8601. */
  started_at: string | null;
  /** UTC, ISO 8601. */
  finished_at: string | null;
  /** Only in events for the end of a batch: the latest checkpoint of the account's ledger, null when there is none yet. `keepCheckpoint` of `@rushes/sdk/ledger` stores it, so that later verifications must agree with it. */
  ledger_checkpoint?: string | null;
}

/** Sent when a batch ends and no task succeeded. */
export interface BatchFailedEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'batch.failed';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

export interface BatchItem {
  /** 1 to 5,000 Unicode code points, not blank; stored as sent. */
  prompt: string;
  /** 1 to 128 characters of `[A-Za-z0-9._:-]`, unique in its batch. */
  custom_id?: string;
  /** Parameters of a video. `GET /v1/models` says which of these a model accepts. */
  params?: TaskParams;
}

/** Sent when a batch ends and some tasks succeeded. */
export interface BatchPartialEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'batch.partial';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

/** Sent when a batch pauses by itself; `reason` says why. */
export interface BatchPausedEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'batch.paused';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    id: string;
    /** The same as `id`. */
    batch_id: string;
    request_id: string;
    model: string;
    status: 'queued' | 'processing' | 'completed' | 'partial' | 'failed' | 'canceled';
    counts: BatchCounts;
    credits: BatchCredits;
    /** Labels of the batch. Empty when they would make the event too large; then `metadata_omitted` is true. */
    metadata: Record<string, string>;
    metadata_omitted?: boolean;
    /** UTC, ISO 8601. */
    created_at: string;
    /** UTC, ISO 8601. */
    started_at: string | null;
    /** UTC, ISO 8601. */
    finished_at: string | null;
    /** Only in events for the end of a batch: the latest checkpoint of the account's ledger, null when there is none yet. `keepCheckpoint` of `@rushes/sdk/ledger` stores it, so that later verifications must agree with it. */
    ledger_checkpoint?: string | null;
    reason: string;
  };
}

/** Sent when the first task of a batch begins. */
export interface BatchProcessingEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'batch.processing';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

export interface CancelResult {
  batch: Batch;
  /** Credits that are refunded at once; in a preview, the credits that would be refunded. */
  refunded: number;
  /** Tasks that are already running. They finish, and are charged or refunded by their outcome. */
  still_running: number;
}

export interface CreateBatchRequest {
  /** The caller's idempotency key. Required, here or in the header Idempotency-Key. */
  request_id?: string;
  /** Name of the model, as in `GET /v1/models`. */
  model: string;
  /** Parameters for every item that does not set them itself. */
  defaults?: TaskParams;
  /** Labels of the batch: up to 16 names of 64 characters with values of 512. */
  metadata?: Record<string, string>;
  /** The request is refused when the whole batch costs more than this many credits. */
  spend_limit?: number;
  /** The request is refused when one video does not cost exactly this many credits. */
  expected_unit_price?: number;
  /** A share from 0 to 1. The batch pauses when a larger share of its finished tasks has failed. */
  max_failure_rate?: number;
  /** Hours, 1 to 720, default 168. Tasks that are still queued after this time fail and are refunded. */
  deadline_hours?: number;
  /** Deliver this batch's events to this endpoint only. */
  webhook_endpoint_id?: string;
  /** The prompts. The allowed number depends on the model: sora-2 10 to 10000, veo-pro 5 to 10000. */
  items: BatchItem[];
}

export interface CreateLinkRequest {
  action: 'play' | 'download' | 'embed';
  /** How long the link is valid, in seconds. */
  expires_in?: number;
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

export interface CreateWebhookEndpointRequest {
  url: string;
  description?: string | null;
  /** The types of events to send; an empty list means every type. */
  events?: (
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test'
  )[];
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

export interface Credits {
  available: number;
  reserved: number;
  spent: number;
  issued: number;
  debt: number;
}

/** Sent when available credits fall below the account's threshold. */
export interface CreditsLowEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'credits.low';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    /** Available credits after the change. */
    available: number;
    threshold: number;
  };
}

export interface EmptyRequest {
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

export interface Estimate {
  model: string;
  count: number;
  unit_price: number;
  total: number;
  available: number;
  affordable: boolean;
  shortfall: number;
  /** How many items repeat an earlier item's prompt and parameters. */
  duplicates: number;
  /** What happens to the credits of a task that ends for one of these reasons. */
  terms: Terms;
  warnings: string[];
}

export interface EstimateRequest {
  /** Name of the model, as in `GET /v1/models`. */
  model: string;
  /** Parameters for every item that does not set them itself. */
  defaults?: TaskParams;
  /** Labels of the batch: up to 16 names of 64 characters with values of 512. */
  metadata?: Record<string, string>;
  /** The request is refused when the whole batch costs more than this many credits. */
  spend_limit?: number;
  /** The request is refused when one video does not cost exactly this many credits. */
  expected_unit_price?: number;
  /** A share from 0 to 1. The batch pauses when a larger share of its finished tasks has failed. */
  max_failure_rate?: number;
  /** Hours, 1 to 720, default 168. Tasks that are still queued after this time fail and are refunded. */
  deadline_hours?: number;
  /** Deliver this batch's events to this endpoint only. */
  webhook_endpoint_id?: string;
  /** The prompts. The allowed number depends on the model: sora-2 10 to 10000, veo-pro 5 to 10000. */
  items: BatchItem[];
  /** Ignored. It is accepted so that the same body can be sent to estimate and to create a batch. */
  request_id?: string;
}

export interface Event {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type:
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test';
  /** UTC, ISO 8601. */
  created_at: string;
  /** Depends on `type`, as in webhooks. */
  data: Record<string, unknown>;
}

/** A ledger entry in an export. */
export interface ExportedLedgerEntry {
  /** 1, 2, 3, … */
  seq: number;
  /** what happened */
  kind: 'purchase' | 'grant' | 'reserve' | 'charge' | 'refund' | 'forfeit' | 'reversal' | 'revoke';
  /** where the credits were */
  from: 'external' | 'available' | 'reserved' | 'spent';
  /** where the credits are now */
  to: 'external' | 'available' | 'reserved' | 'spent';
  /** credits moved, 1 or more */
  amount: number;
  /** available credits after this entry */
  available_after: number;
  /** reserved credits after this entry */
  reserved_after: number;
  /** spent credits after this entry */
  spent_after: number;
  /** `bat_…` or null */
  batch_id: string | null;
  /** `tsk_…` or null; follows from `batch_id` and `task_index` */
  task_id: string | null;
  /** position in the batch, from 0 (at most 1,048,575), or null */
  task_index: number | null;
  /** the entry that a reversal takes back, or null */
  reverses_seq: number | null;
  /** text or null */
  reason: string | null;
  /** text or null */
  reference: string | null;
  /** UTC to the microsecond: `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always six digits */
  created_at: string;
  /** Hash of the entry's leaf in the account's tree, base64. */
  leaf_hash: string;
}

export interface ItemError {
  /** Position of the item, from 0; null when the error does not belong to one item. */
  index: number | null;
  /** Line of the CSV or NDJSON body, from 1. */
  line?: number;
  custom_id: string | null;
  param: string | null;
  code:
    | 'required'
    | 'wrong_type'
    | 'blank'
    | 'too_long'
    | 'too_few'
    | 'too_many'
    | 'out_of_range'
    | 'bad_format'
    | 'duplicate'
    | 'unknown_name'
    | 'unknown_value'
    | 'forbidden_character'
    | 'not_supported'
    | 'bad_syntax';
  detail: string;
}

/** One movement of credits. */
export interface LedgerEntry {
  /** 1, 2, 3, … */
  seq: number;
  /** what happened */
  kind: 'purchase' | 'grant' | 'reserve' | 'charge' | 'refund' | 'forfeit' | 'reversal' | 'revoke';
  /** where the credits were */
  from: 'external' | 'available' | 'reserved' | 'spent';
  /** where the credits are now */
  to: 'external' | 'available' | 'reserved' | 'spent';
  /** credits moved, 1 or more */
  amount: number;
  /** available credits after this entry */
  available_after: number;
  /** reserved credits after this entry */
  reserved_after: number;
  /** spent credits after this entry */
  spent_after: number;
  /** `bat_…` or null */
  batch_id: string | null;
  /** `tsk_…` or null; follows from `batch_id` and `task_index` */
  task_id: string | null;
  /** position in the batch, from 0 (at most 1,048,575), or null */
  task_index: number | null;
  /** the entry that a reversal takes back, or null */
  reverses_seq: number | null;
  /** text or null */
  reason: string | null;
  /** text or null */
  reference: string | null;
  /** UTC to the microsecond: `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always six digits */
  created_at: string;
}

/** Sent when the server was restored from a backup, and the ledger continues in a new tree from that point. */
export interface LedgerEpochOpenedEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'ledger.epoch_opened';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    epoch: number;
    reason: string;
    /** A signed note in the format of c2sp.org/tlog-checkpoint. */
    previous_checkpoint: string | null;
    /** A signed note in the format of c2sp.org/tlog-checkpoint. */
    checkpoint: string;
  };
}

export interface LedgerExport {
  account_id: string;
  /** The signed note that the entries are checked against; null when nothing has been sealed yet. */
  checkpoint: string | null;
  previous_epochs: PreviousLedgerEpoch[];
  /** The first and last entry of the export, and the hashes (base64) of the complete subtrees left and right of them. */
  range: {
    first: number;
    last: number;
    left: string[];
    right: string[];
  };
  entries: ExportedLedgerEntry[];
}

/** The part of an export before its entries. */
export interface LedgerExportHeader {
  account_id: string;
  /** The signed note that the entries are checked against; null when nothing has been sealed yet. */
  checkpoint: string | null;
  previous_epochs: PreviousLedgerEpoch[];
  /** The first and last entry of the export, and the hashes (base64) of the complete subtrees left and right of them. */
  range: {
    first: number;
    last: number;
    left: string[];
    right: string[];
  };
}

/** The answer of `/.well-known/rushes-ledger-keys`: the keys that checkpoints are signed with. */
export interface LedgerKeys {
  server_name: string;
  keys: {
    key: string;
    status: 'active' | 'retired';
    /** UTC, ISO 8601. */
    created_at: string;
  }[];
}

/** An event in the list of events, with its number. */
export interface ListedEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type:
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test';
  /** UTC, ISO 8601. */
  created_at: string;
  /** Depends on `type`, as in webhooks. */
  data: Record<string, unknown>;
  /** Number of the event in the account: 1, 2, 3, … without gaps. */
  seq: number;
}

export interface Model {
  id: string;
  unit_price: number;
  min_items: number;
  max_items: number;
  params: ModelParam[];
  timeout_seconds: number;
  target_seconds: number;
  lifecycle: 'active' | 'deprecated' | 'retired';
}

export interface ModelParam {
  name: 'aspect_ratio' | 'duration_seconds' | 'size' | 'image_url' | 'last_image_url';
  kind: 'one_of' | 'url' | 'integer' | 'boolean' | 'text';
  /** With `one_of`: all allowed values; null with every other kind. */
  values: (string | number)[] | null;
  /** With `integer`: the smallest value. */
  min?: number;
  /** With `integer`: the largest value. */
  max?: number;
  /** With `text`: the largest number of Unicode code points. */
  max_length?: number;
  description: string;
}

/** An earlier epoch of the account's tree and how it ended. See docs/ledger-verification.md. */
export interface PreviousLedgerEpoch {
  epoch: number;
  /** The last checkpoint that was signed in this epoch. */
  last_checkpoint: string;
  /** The first checkpoint of the next epoch. */
  first_checkpoint: string;
  reason: string;
  /** UTC, ISO 8601. */
  opened_at: string;
}

/** What went wrong: a problem document of RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code:
    | 'unauthorized'
    | 'forbidden'
    | 'not_found'
    | 'method_not_allowed'
    | 'unsupported_media_type'
    | 'payload_too_large'
    | 'invalid_request'
    | 'invalid_items'
    | 'invalid_csv'
    | 'request_timeout'
    | 'headers_too_large'
    | 'link_expired'
    | 'range_not_satisfiable'
    | 'request_id_conflict'
    | 'price_changed'
    | 'state_conflict'
    | 'model_retired'
    | 'insufficient_credits'
    | 'spend_limit_exceeded'
    | 'account_in_debt'
    | 'account_suspended'
    | 'account_blocked'
    | 'rate_limited'
    | 'abnormal_usage'
    | 'internal_error'
    | 'unavailable';
  trace_id: string;
  param?: string;
  errors?: ItemError[];
  /** With invalid_items: the number of all errors. `errors` describes at most 100 of them. */
  error_count?: number;
  /** With 402 insufficient_credits: the credits that the request needs. */
  required?: number;
  available?: number;
  shortfall?: number;
}

export interface RedeliverRequest {
  /** A time, the id of an event, or its `seq`. Deliveries from there on are sent again, including that event. */
  since: string | number;
  /** Which deliveries to send again; when left out, exhausted and missed ones. `missed` are events that the endpoint never got because it was disabled. */
  states?: ('exhausted' | 'missed' | 'delivered')[];
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

export interface RedeliverResult {
  /** How many deliveries are sent again. */
  count: number;
  /** The `since` for the next call when there are more deliveries; null when there are no more. */
  next_since: number | null;
}

export interface RotateWebhookSecretRequest {
  /** For how many seconds deliveries are also signed with the older secrets. */
  overlap_seconds?: number;
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

export interface Task {
  id: string;
  batch_id: string;
  index: number;
  custom_id: string | null;
  prompt: string;
  /** Parameters of a video. `GET /v1/models` says which of these a model accepts. */
  params: TaskParams;
  status: 'queued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
  attempts: number;
  failure: TaskFailure | null;
  credits: TaskCredits;
  video: TaskVideo | null;
  /** UTC, ISO 8601. */
  created_at: string;
  /** UTC, ISO 8601. */
  started_at: string | null;
  /** UTC, ISO 8601. */
  finished_at: string | null;
}

/** Sent when a queued task is canceled. */
export interface TaskCanceledEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'task.canceled';
  /** UTC, ISO 8601. */
  created_at: string;
  /** A task that ended. An event never has the prompt or links: get them from the API. */
  data: TaskEventData;
}

export interface TaskCredits {
  charged: number;
  refunded: number;
  forfeited: number;
}

/** A task that ended. An event never has the prompt or links: get them from the API. */
export interface TaskEventData {
  batch_id: string;
  task_id: string;
  index: number;
  custom_id: string | null;
  model: string;
  status: 'succeeded' | 'failed' | 'canceled';
  attempts: number;
  failure: TaskFailure | null;
  credits: TaskCredits;
  video: TaskVideo | null;
}

/** Sent when a task fails for good. */
export interface TaskFailedEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'task.failed';
  /** UTC, ISO 8601. */
  created_at: string;
  /** A task that ended. An event never has the prompt or links: get them from the API. */
  data: TaskEventData;
}

export interface TaskFailure {
  type:
    | 'provider_error'
    | 'storage_error'
    | 'provider_rate_limited'
    | 'provider_unavailable'
    | 'timeout'
    | 'invalid_request'
    | 'model_retired'
    | 'internal_error'
    | 'moderation_input'
    | 'moderation_output'
    | 'canceled';
  message: string;
}

/** Parameters of a video. `GET /v1/models` says which of these a model accepts. */
export interface TaskParams {
  /** Shape of the picture. Models: sora-2, veo-pro. */
  aspect_ratio?: '16:9' | '9:16';
  /** Length of the video in seconds. Models: sora-2. */
  duration_seconds?: 10 | 15;
  /** Resolution of the picture. Models: sora-2. */
  size?: 'small' | 'large';
  /** https URL of the first frame or reference image. Models: sora-2, veo-pro. */
  image_url?: string;
  /** https URL of the last frame. Models: veo-pro. */
  last_image_url?: string;
}

/** One line of `GET /v1/batches/{id}/results`. */
export interface TaskResult {
  id: string;
  batch_id: string;
  index: number;
  custom_id: string | null;
  prompt: string;
  /** Parameters of a video. `GET /v1/models` says which of these a model accepts. */
  params: TaskParams;
  status: 'queued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
  attempts: number;
  failure: TaskFailure | null;
  credits: TaskCredits;
  video: TaskVideo | null;
  /** UTC, ISO 8601. */
  created_at: string;
  /** UTC, ISO 8601. */
  started_at: string | null;
  /** UTC, ISO 8601. */
  finished_at: string | null;
  /** Present when the request has `links`; null when the task did not succeed. */
  link?: VideoLink | null;
}

/** Sent when a task succeeds. */
export interface TaskSucceededEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'task.succeeded';
  /** UTC, ISO 8601. */
  created_at: string;
  /** A task that ended. An event never has the prompt or links: get them from the API. */
  data: TaskEventData;
}

export interface TaskVideo {
  bytes: number;
  /** SHA-256 of the file, in lower-case hex. */
  sha256: string;
  content_type: string;
}

/** What happens to the credits of a task that ends for one of these reasons. */
export interface Terms {
  /** Content moderation rejected the prompt or image. */
  moderation_input: 'refund' | 'forfeit';
  /** Content moderation rejected the generated video. */
  moderation_output: 'refund' | 'forfeit';
  /** The batch was canceled while the task was queued. A task that already runs is charged or refunded by its outcome. */
  canceled: 'refund' | 'forfeit';
}

/** A field that is not sent stays as it is. */
export interface UpdateAccountRequest {
  /** The event `credits.low` is sent when the available credits fall below this number; null means that it is never sent. */
  low_credits_threshold?: number | null;
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

/** A field that is not sent stays as it is. */
export interface UpdateWebhookEndpointRequest {
  url?: string;
  description?: string | null;
  /** The types of events to send; an empty list means every type. */
  events?: (
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test'
  )[];
  /** An endpoint that is enabled again starts with the next event. */
  enabled?: boolean;
  /** The caller's idempotency key. It can be sent in the header Idempotency-Key instead. */
  request_id?: string;
}

export interface VideoLink {
  url: string;
  /** UTC, ISO 8601. */
  expires_at: string;
}

export interface WebhookAttempt {
  attempt: number;
  /** UTC, ISO 8601. */
  started_at: string;
  duration_ms: number;
  /** HTTP status of the answer; null when there was no answer. */
  status_code: number | null;
  error: string | null;
  response_excerpt: string | null;
  /** True when the attempt was requested by a redelivery; it does not count as an automatic attempt. */
  manual: boolean;
}

export interface WebhookDelivery {
  id: string;
  endpoint_id: string;
  event_id: string;
  event_type:
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test';
  state: 'pending' | 'delivered' | 'exhausted';
  /** Why there are no more automatic attempts; null when the delivery is not exhausted. */
  exhausted_reason: 'attempts_used_up' | 'endpoint_disabled' | 'endpoint_deleted' | null;
  attempts: WebhookAttempt[];
  /** UTC, ISO 8601. */
  next_attempt_at: string | null;
  /** UTC, ISO 8601. */
  created_at: string;
}

export interface WebhookEndpoint {
  id: string;
  url: string;
  description: string | null;
  /** The types of events to send; an empty list means every type. */
  events: (
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test'
  )[];
  enabled: boolean;
  disabled_reason: string | null;
  /** Since when every attempt has failed; null when the last attempt succeeded or there was none yet. */
  failing_since: string | null;
  /** When the endpoint last accepted a delivery. */
  last_delivery_at: string | null;
  /** Number of deliveries that were given up and have not been sent again. */
  exhausted_count: number;
  /** Until this time, deliveries are also signed with the secrets from before a rotation; null when only the present secret signs. */
  previous_secret_expires_at: string | null;
  /** UTC, ISO 8601. */
  created_at: string;
}

/** Sent when an endpoint is disabled because it answered 410 or failed for too long. */
export interface WebhookEndpointDisabledEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'webhook_endpoint.disabled';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    endpoint_id: string;
    reason: string;
    /** Since when every attempt has failed; only when the endpoint failed for too long. */
    failing_since?: string;
    /** Deliveries given up since then. */
    given_up?: number;
  };
}

/** Sent when a delivery to an endpoint was given up, and the endpoint has accepted no delivery since `failing_since`. */
export interface WebhookEndpointFailingEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'webhook_endpoint.failing';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    endpoint_id: string;
    /** UTC, ISO 8601. */
    failing_since: string;
    /** Deliveries given up since then. */
    given_up: number;
    /** The endpoint is not disabled before this time; null means that it is never disabled. */
    disabled_not_before: string | null;
  };
}

/** The answer when an endpoint is created or its secret is rotated. The secret is shown only in this answer. */
export interface WebhookEndpointWithSecret {
  id: string;
  url: string;
  description: string | null;
  /** The types of events to send; an empty list means every type. */
  events: (
    | 'batch.processing'
    | 'batch.completed'
    | 'batch.partial'
    | 'batch.failed'
    | 'batch.canceled'
    | 'batch.paused'
    | 'task.succeeded'
    | 'task.failed'
    | 'task.canceled'
    | 'credits.low'
    | 'ledger.epoch_opened'
    | 'webhook_endpoint.failing'
    | 'webhook_endpoint.disabled'
    | 'webhook.test'
  )[];
  enabled: boolean;
  disabled_reason: string | null;
  /** Since when every attempt has failed; null when the last attempt succeeded or there was none yet. */
  failing_since: string | null;
  /** When the endpoint last accepted a delivery. */
  last_delivery_at: string | null;
  /** Number of deliveries that were given up and have not been sent again. */
  exhausted_count: number;
  /** Until this time, deliveries are also signed with the secrets from before a rotation; null when only the present secret signs. */
  previous_secret_expires_at: string | null;
  /** UTC, ISO 8601. */
  created_at: string;
  /** `whsec_` and base64 of 32 bytes; null when the request was sent again with the same request_id. */
  secret: string | null;
}

/** Any event; `type` says which one it is. */
export type WebhookEvent =
  | BatchProcessingEvent
  | BatchCompletedEvent
  | BatchPartialEvent
  | BatchFailedEvent
  | BatchCanceledEvent
  | BatchPausedEvent
  | TaskSucceededEvent
  | TaskFailedEvent
  | TaskCanceledEvent
  | CreditsLowEvent
  | LedgerEpochOpenedEvent
  | WebhookEndpointFailingEvent
  | WebhookEndpointDisabledEvent
  | WebhookTestEvent;

/** Sent when a test of an endpoint is requested. */
export interface WebhookTestEvent {
  /** The same in every attempt to deliver this event: remember it, and skip an event that you have handled. */
  id: string;
  type: 'webhook.test';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    endpoint_id: string;
  };
}
