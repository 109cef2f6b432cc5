// Written by `npm run generate -w packages/contract`; change the schemas, not this file.
/* eslint-disable max-lines */
/** The shapes that cross the wire: JSON, snake_case, UTC ISO 8601 times, integer credits. */

/** The account that a key belongs to, as its customer sees it. */
export interface Account {
  id: string;
  name: string;
  plan: 'pilot' | 'growth' | 'enterprise';
  mode: 'live' | 'test';
  status: 'active' | 'suspended' | 'blocked' | 'terminated';
  /** Requests that each key may send in any 60 seconds. */
  rate_limit_per_min: number;
  /** Tasks of the account that run at the same time. */
  max_concurrent_tasks: number;
  /** What happens to the credits of a task that fails for one of these reasons. */
  terms: Terms;
  /** The event `credits.low` is sent when available credits fall below this; null: never. */
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
  /** Finished tasks by failure type; empty while none failed. */
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
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'batch.canceled';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

/** Sent when a batch ends and every task succeeded. */
export interface BatchCompletedEvent {
  /** The same on every attempt: remember it to act once. */
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
  /** The original hold. */
  reserved: number;
  /** What is left of the hold. */
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
  /** Empty, with `metadata_omitted`, when it would make the event too large. */
  metadata: Record<string, string>;
  metadata_omitted?: boolean;
  /** UTC, ISO 8601. */
  created_at: string;
  /** UTC, ISO 8601. */
  started_at: string | null;
  /** UTC, ISO 8601. */
  finished_at: string | null;
  /** In events that end a batch: the latest checkpoint of the account's ledger, null before the first. `keepCheckpoint` of `@rushes/sdk/ledger` remembers it, so that the next verification demands agreement with it. */
  ledger_checkpoint?: string | null;
}

/** Sent when a batch ends and no task succeeded. */
export interface BatchFailedEvent {
  /** The same on every attempt: remember it to act once. */
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
  /** Parameters of a video. Which of these a model accepts is in `GET /v1/models`. */
  params?: TaskParams;
}

/** Sent when a batch ends and some tasks succeeded. */
export interface BatchPartialEvent {
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'batch.partial';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

/** Sent when a batch pauses by itself, for `reason`. */
export interface BatchPausedEvent {
  /** The same on every attempt: remember it to act once. */
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
    /** Empty, with `metadata_omitted`, when it would make the event too large. */
    metadata: Record<string, string>;
    metadata_omitted?: boolean;
    /** UTC, ISO 8601. */
    created_at: string;
    /** UTC, ISO 8601. */
    started_at: string | null;
    /** UTC, ISO 8601. */
    finished_at: string | null;
    /** In events that end a batch: the latest checkpoint of the account's ledger, null before the first. `keepCheckpoint` of `@rushes/sdk/ledger` remembers it, so that the next verification demands agreement with it. */
    ledger_checkpoint?: string | null;
    reason: string;
  };
}

/** Sent when the first task of a batch begins. */
export interface BatchProcessingEvent {
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'batch.processing';
  /** UTC, ISO 8601. */
  created_at: string;
  /** The batch at the time of the event. */
  data: BatchEventData;
}

export interface CancelResult {
  batch: Batch;
  /** Credits that came back (or would come back, in a preview) at once. */
  refunded: number;
  /** Tasks that were already sent upstream; they end by their outcome. */
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
  /** The creation is refused when the whole batch costs more than this many credits. */
  spend_limit?: number;
  /** The creation is refused when one video does not cost exactly this many credits. */
  expected_unit_price?: number;
  /** The batch pauses when a larger share of its finished tasks failed. */
  max_failure_rate?: number;
  /** 1 to 720, default 168: tasks still queued after this time fail and are refunded. */
  deadline_hours?: number;
  /** Deliver this batch's events to this endpoint only. */
  webhook_endpoint_id?: string;
  /** The prompts. How many depends on the model: sora-2 10 to 10000, veo-pro 5 to 10000. */
  items: BatchItem[];
}

export interface CreateLinkRequest {
  action: 'play' | 'download' | 'embed';
  /** Seconds. */
  expires_in?: number;
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
  request_id?: string;
}

export interface CreateWebhookEndpointRequest {
  url: string;
  description?: string | null;
  /** Only these events; empty means every event. */
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
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
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
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'credits.low';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    /** What was left, in credits. */
    available: number;
    threshold: number;
  };
}

export interface EmptyRequest {
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
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
  /** What happens to the credits of a task that fails for one of these reasons. */
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
  /** The creation is refused when the whole batch costs more than this many credits. */
  spend_limit?: number;
  /** The creation is refused when one video does not cost exactly this many credits. */
  expected_unit_price?: number;
  /** The batch pauses when a larger share of its finished tasks failed. */
  max_failure_rate?: number;
  /** 1 to 720, default 168: tasks still queued after this time fail and are refunded. */
  deadline_hours?: number;
  /** Deliver this batch's events to this endpoint only. */
  webhook_endpoint_id?: string;
  /** The prompts. How many depends on the model: sora-2 10 to 10000, veo-pro 5 to 10000. */
  items: BatchItem[];
  /** Ignored: an estimate takes the same request as a creation. */
  request_id?: string;
}

export interface Event {
  /** The same on every attempt: remember it to act once. */
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

/** An entry in an export. */
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
  /** Position of the item, from 0; null when the error is not one item's. */
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

/** Sent when the server was restored to an earlier time and the ledger has a new tree from there on. */
export interface LedgerEpochOpenedEvent {
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'ledger.epoch_opened';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    epoch: number;
    reason: string;
    /** Signed note, c2sp.org/tlog-checkpoint. */
    previous_checkpoint: string | null;
    /** Signed note, c2sp.org/tlog-checkpoint. */
    checkpoint: string;
  };
}

export interface LedgerExport {
  account_id: string;
  /** The signed note that bounds the export; null while nothing was sealed. */
  checkpoint: string | null;
  previous_epochs: PreviousLedgerEpoch[];
  /** Which entries follow, and hashes (base64) of the complete subtrees left and right of them. */
  range: {
    first: number;
    last: number;
    left: string[];
    right: string[];
  };
  entries: ExportedLedgerEntry[];
}

/** What an export says before its entries. */
export interface LedgerExportHeader {
  account_id: string;
  /** The signed note that bounds the export; null while nothing was sealed. */
  checkpoint: string | null;
  previous_epochs: PreviousLedgerEpoch[];
  /** Which entries follow, and hashes (base64) of the complete subtrees left and right of them. */
  range: {
    first: number;
    last: number;
    left: string[];
    right: string[];
  };
}

/** `/.well-known/rushes-ledger-keys`: what checkpoints are signed with. */
export interface LedgerKeys {
  server_name: string;
  keys: {
    key: string;
    status: 'active' | 'retired';
    /** UTC, ISO 8601. */
    created_at: string;
  }[];
}

/** An event as the event list shows it. */
export interface ListedEvent {
  /** The same on every attempt: remember it to act once. */
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
  /** Place in the account's sequence, which has no gap. */
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
  /** With `one_of`: the closed set of values; null with every other kind. */
  values: (string | number)[] | null;
  /** With `integer`: the least value. */
  min?: number;
  /** With `integer`: the greatest value. */
  max?: number;
  /** With `text`: the most Unicode code points. */
  max_length?: number;
  description: string;
}

/** The end of an epoch of an account's tree; docs/ledger-verification.md. */
export interface PreviousLedgerEpoch {
  epoch: number;
  /** The last checkpoint signed in it. */
  last_checkpoint: string;
  /** The first checkpoint of the epoch that followed. */
  first_checkpoint: string;
  reason: string;
  /** UTC, ISO 8601. */
  opened_at: string;
}

/** RFC 9457 problem document. */
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
  /** With invalid_items: how many errors there are in all, of which `errors` names up to 100. */
  error_count?: number;
  /** With 402 insufficient_credits. */
  required?: number;
  available?: number;
  shortfall?: number;
}

export interface RedeliverRequest {
  /** A time, the id of an event, or its `seq`: from there on, that one included. */
  since: string | number;
  /** Which deliveries: `missed` are events that the endpoint never got, as it was disabled. Without it exhausted and missed ones. */
  states?: ('exhausted' | 'missed' | 'delivered')[];
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
  request_id?: string;
}

export interface RedeliverResult {
  /** How many deliveries will be made once more. */
  count: number;
  /** The `since` to go on with when one call does not take all; null when that was all. */
  next_since: number | null;
}

export interface RotateWebhookSecretRequest {
  /** How long older secrets go on signing beside the new one. */
  overlap_seconds?: number;
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
  request_id?: string;
}

export interface Task {
  id: string;
  batch_id: string;
  index: number;
  custom_id: string | null;
  prompt: string;
  /** Parameters of a video. Which of these a model accepts is in `GET /v1/models`. */
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
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'task.canceled';
  /** UTC, ISO 8601. */
  created_at: string;
  /** A task that ended. The prompt and links are never in an event: ask the API for them. */
  data: TaskEventData;
}

export interface TaskCredits {
  charged: number;
  refunded: number;
  forfeited: number;
}

/** A task that ended. The prompt and links are never in an event: ask the API for them. */
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
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'task.failed';
  /** UTC, ISO 8601. */
  created_at: string;
  /** A task that ended. The prompt and links are never in an event: ask the API for them. */
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

/** Parameters of a video. Which of these a model accepts is in `GET /v1/models`. */
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
  /** Parameters of a video. Which of these a model accepts is in `GET /v1/models`. */
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
  /** Present when `links` was given; null unless the task succeeded. */
  link?: VideoLink | null;
}

/** Sent when a task succeeds. */
export interface TaskSucceededEvent {
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'task.succeeded';
  /** UTC, ISO 8601. */
  created_at: string;
  /** A task that ended. The prompt and links are never in an event: ask the API for them. */
  data: TaskEventData;
}

export interface TaskVideo {
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
  content_type: string;
}

/** What happens to the credits of a task that fails for one of these reasons. */
export interface Terms {
  /** The prompt or image was rejected by content moderation. */
  moderation_input: 'refund' | 'forfeit';
  /** The generated video was rejected by content moderation. */
  moderation_output: 'refund' | 'forfeit';
  /** Applies to queued tasks of a canceled batch; running tasks end by their outcome. */
  canceled: 'refund' | 'forfeit';
}

/** Only what is named is changed. */
export interface UpdateAccountRequest {
  /** The event `credits.low` is sent when available credits fall below this; null: never. */
  low_credits_threshold?: number | null;
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
  request_id?: string;
}

/** Only what is named is changed. */
export interface UpdateWebhookEndpointRequest {
  url?: string;
  description?: string | null;
  /** Only these events; empty means every event. */
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
  /** Enabling begins with the next event. */
  enabled?: boolean;
  /** The caller's idempotency key; the header Idempotency-Key is another place for it. */
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
  /** Null when no answer came. */
  status_code: number | null;
  error: string | null;
  response_excerpt: string | null;
  /** Asked for by a redelivery: one attempt, outside the automatic ones. */
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
  /** Why there are no more automatic attempts; null unless exhausted. */
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
  /** Only these events; empty means every event. */
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
  /** Since when every attempt has failed; null while it answers, or before the first attempt. */
  failing_since: string | null;
  /** When it last accepted a delivery. */
  last_delivery_at: string | null;
  /** Deliveries that were given up and wait for a redelivery by hand. */
  exhausted_count: number;
  /** Until when secrets from before a rotation sign too; null when only the present one does. */
  previous_secret_expires_at: string | null;
  /** UTC, ISO 8601. */
  created_at: string;
}

/** Sent when an endpoint is disabled, as it answered 410 or failed for too long. */
export interface WebhookEndpointDisabledEvent {
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'webhook_endpoint.disabled';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    endpoint_id: string;
    reason: string;
    /** When it failed for too long: since when. */
    failing_since?: string;
    /** Deliveries given up since then. */
    given_up?: number;
  };
}

/** Sent when a delivery to an endpoint was given up and none was accepted since `failing_since`. */
export interface WebhookEndpointFailingEvent {
  /** The same on every attempt: remember it to act once. */
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
    /** When it can be disabled; null: never. */
    disabled_not_before: string | null;
  };
}

/** The answer to a creation or a rotation: the only time the secret is shown. */
export interface WebhookEndpointWithSecret {
  id: string;
  url: string;
  description: string | null;
  /** Only these events; empty means every event. */
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
  /** Since when every attempt has failed; null while it answers, or before the first attempt. */
  failing_since: string | null;
  /** When it last accepted a delivery. */
  last_delivery_at: string | null;
  /** Deliveries that were given up and wait for a redelivery by hand. */
  exhausted_count: number;
  /** Until when secrets from before a rotation sign too; null when only the present one does. */
  previous_secret_expires_at: string | null;
  /** UTC, ISO 8601. */
  created_at: string;
  /** `whsec_` + base64 of 32 bytes; null in the replay of a creation or a rotation. */
  secret: string | null;
}

/** Every event of this version, told apart by `type`. */
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

/** Sent when somebody asks for a test of an endpoint. */
export interface WebhookTestEvent {
  /** The same on every attempt: remember it to act once. */
  id: string;
  type: 'webhook.test';
  /** UTC, ISO 8601. */
  created_at: string;
  data: {
    endpoint_id: string;
  };
}
