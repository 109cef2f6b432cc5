/**
 * The shapes that cross the wire, as a client sees them: JSON, snake_case, UTC ISO 8601 times, integer credits.
 * The zod schemas in schemas.ts are checked against these at compile time.
 */
import type { ErrorCode, ItemErrorCode } from './facts/error-codes.ts';
import type { EventType } from './facts/event-types.ts';
import type { FailureType, Terms } from './facts/failures.ts';
import type { Plan } from './facts/plans.ts';

export type BatchStatus = 'queued' | 'processing' | 'completed' | 'partial' | 'failed' | 'canceled';
export type TaskStatus = 'queued' | 'processing' | 'succeeded' | 'failed' | 'canceled';
export type LedgerKind = 'purchase' | 'grant' | 'reserve' | 'charge' | 'refund' | 'forfeit' | 'reversal' | 'revoke';
export type LedgerBucket = 'external' | 'available' | 'reserved' | 'spent';
export type ModelLifecycle = 'active' | 'deprecated' | 'retired';
export type DeliveryState = 'pending' | 'delivered' | 'exhausted';
export type ExhaustedReason = 'attempts_used_up' | 'endpoint_disabled' | 'endpoint_deleted';

/** Which of these a model accepts stands in `GET /v1/models`. */
export interface TaskParams {
  aspect_ratio?: '16:9' | '9:16';
  duration_seconds?: number;
  size?: 'small' | 'large';
  /** https URL of the first frame or reference image. */
  image_url?: string;
  /** https URL of the last frame. */
  last_image_url?: string;
}

export interface BatchItem {
  /** 1 to 5,000 Unicode code points, not blank; stored as sent. */
  prompt: string;
  /** 1 to 128 characters of `[A-Za-z0-9._:-]`, unique in its batch. */
  custom_id?: string;
  params?: TaskParams;
}

export interface EstimateRequest {
  model: string;
  items: BatchItem[];
  /** Parameters for every item that does not set them itself. */
  defaults?: TaskParams;
  metadata?: Record<string, string>;
  /** The creation is refused when the whole batch costs more than this many credits. */
  spend_limit?: number;
  /** The creation is refused when one video does not cost exactly this many credits. */
  expected_unit_price?: number;
  /** 0 to 1: the batch pauses when a larger share of its finished tasks failed. */
  max_failure_rate?: number;
  /** 1 to 720, default 168: tasks still queued after this time fail and are refunded. */
  deadline_hours?: number;
  /** Deliver this batch's events to this endpoint only. */
  webhook_endpoint_id?: string;
}

export interface CreateBatchRequest extends EstimateRequest {
  /** The caller's idempotency key, 1 to 255 printable ASCII characters. */
  request_id: string;
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

export interface Batch {
  id: string;
  request_id: string;
  model: string;
  status: BatchStatus;
  paused: boolean;
  canceling: boolean;
  counts: BatchCounts;
  credits: BatchCredits;
  metadata: Record<string, string>;
  /** The batch whose failed tasks this one retries. */
  retry_of: string | null;
  /** Finished tasks by failure type; empty while none failed. */
  failure_summary: Partial<Record<FailureType, number>>;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  deadline_at: string;
}

export interface CancelResult {
  batch: Batch;
  /** Credits that came back (or would come back, in a preview) at once. */
  refunded: number;
  /** Tasks that were already sent upstream; they end by their outcome. */
  still_running: number;
}

export interface TaskFailure {
  type: FailureType;
  message: string;
}

export interface TaskCredits {
  charged: number;
  refunded: number;
  forfeited: number;
}

export interface TaskVideo {
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
  content_type: string;
}

export interface Task {
  id: string;
  batch_id: string;
  index: number;
  custom_id: string | null;
  prompt: string;
  params: TaskParams;
  status: TaskStatus;
  attempts: number;
  failure: TaskFailure | null;
  credits: TaskCredits;
  video: TaskVideo | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

/** One line of `GET /v1/batches/{id}/results`: a task, with a signed link when one was asked for. */
export interface TaskResult extends Task {
  /** Present when `links` was given; null unless the task succeeded. */
  link?: VideoLink | null;
}

export type LinkAction = 'play' | 'download' | 'embed';

export interface VideoLink {
  url: string;
  expires_at: string;
}

export interface Credits {
  available: number;
  reserved: number;
  spent: number;
  issued: number;
  debt: number;
}

/** The account that a key belongs to, as its customer sees it. */
export interface Account {
  id: string;
  name: string;
  plan: Plan;
  mode: 'live' | 'test';
  status: 'active' | 'suspended' | 'blocked' | 'terminated';
  /** Of each key. */
  rate_limit_per_min: number;
  max_concurrent_tasks: number;
  /** What happens to the credits of tasks that fail for one of these reasons, in batches created from now on. */
  terms: Terms;
  /** The event `credits.low` is sent when available credits fall below this; null: never. */
  low_credits_threshold: number | null;
  created_at: string;
}

/** Only what is named is changed. */
export interface UpdateAccountRequest {
  /** 1 or more; null: no event. */
  low_credits_threshold?: number | null;
  request_id?: string;
}

export interface LedgerEntry {
  seq: number;
  kind: LedgerKind;
  from: LedgerBucket;
  to: LedgerBucket;
  amount: number;
  available_after: number;
  reserved_after: number;
  spent_after: number;
  batch_id: string | null;
  task_id: string | null;
  task_index: number | null;
  reverses_seq: number | null;
  reason: string | null;
  reference: string | null;
  created_at: string;
}

/** An entry in an export: with its leaf in the account's tree, base64. */
export interface ExportedLedgerEntry extends LedgerEntry {
  leaf_hash: string;
}

/** The end of an epoch of an account's tree; docs/ledger-verification.md. */
export interface PreviousLedgerEpoch {
  epoch: number;
  /** The last checkpoint signed in it. */
  last_checkpoint: string;
  /** The first checkpoint of the epoch that followed. */
  first_checkpoint: string;
  reason: string;
  opened_at: string;
}

/** What an export says before its entries. */
export interface LedgerExportHeader {
  account_id: string;
  /** The signed note that bounds the export; null while nothing was sealed. */
  checkpoint: string | null;
  previous_epochs: PreviousLedgerEpoch[];
  /** Which entries follow, and hashes (base64) of the complete subtrees left and right of them. */
  range: { first: number; last: number; left: string[]; right: string[] };
}

export interface LedgerExport extends LedgerExportHeader {
  entries: ExportedLedgerEntry[];
}

/** `/.well-known/rushes-ledger-keys`: what checkpoints are signed with. */
export interface LedgerKeys {
  server_name: string;
  keys: { key: string; status: 'active' | 'retired'; created_at: string }[];
}

export interface ModelParam {
  name: keyof TaskParams;
  /** The closed set of values, or null when any https URL is accepted. */
  values: (string | number)[] | null;
}

export interface Model {
  id: string;
  unit_price: number;
  min_items: number;
  max_items: number;
  params: ModelParam[];
  timeout_seconds: number;
  target_seconds: number;
  lifecycle: ModelLifecycle;
}

export interface WebhookEndpoint {
  id: string;
  url: string;
  description: string | null;
  /** Only these events; empty means every event. */
  events: EventType[];
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
  created_at: string;
}

/** The answer to a creation or a rotation: the only time the secret is shown. */
export interface WebhookEndpointWithSecret extends WebhookEndpoint {
  /** `whsec_` + base64 of 32 bytes; null in the replay of a creation or a rotation. */
  secret: string | null;
}

/** Only what is named is changed. */
export interface UpdateWebhookEndpointRequest {
  url?: string;
  description?: string | null;
  /** Only these events; empty means every event. */
  events?: EventType[];
  enabled?: boolean;
}

/** Which deliveries of an endpoint are made again: `missed` are events that it never got, as it was disabled. */
export type RedeliverableState = 'exhausted' | 'missed' | 'delivered';

export interface RedeliverRequest {
  /** A time, the id of an event, or its `seq` (also as digits): from there on, that one included. */
  since: string | number;
  /** Default: exhausted and missed. */
  states?: RedeliverableState[];
  request_id?: string;
}

export interface RedeliverResult {
  /** How many deliveries will be made once more. */
  count: number;
  /** The `since` to go on with when there were more than one call takes; null when that was all. */
  next_since: number | null;
}

export interface WebhookAttempt {
  attempt: number;
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
  event_type: EventType;
  state: DeliveryState;
  /** Why there are no more automatic attempts; null unless exhausted. */
  exhausted_reason: ExhaustedReason | null;
  attempts: WebhookAttempt[];
  next_attempt_at: string | null;
  created_at: string;
}

export interface Event {
  id: string;
  type: EventType;
  created_at: string;
  data: Record<string, unknown>;
}

/** An event as the event list shows it: with its place in the account's gap-free sequence. */
export interface ListedEvent extends Event {
  seq: number;
}

export interface Page<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface ItemError {
  /** Position of the item, from 0; null when the error is not one item's. */
  index: number | null;
  /** Line of the CSV or NDJSON body, from 1. */
  line?: number;
  custom_id: string | null;
  param: string | null;
  code: ItemErrorCode;
  detail: string;
}

/** RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
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
