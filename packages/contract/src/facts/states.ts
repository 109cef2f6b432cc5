/** The closed sets of words in requests and answers, one list each. Schemas and types are made from these lists. */

export const BATCH_STATUSES = ['queued', 'processing', 'completed', 'partial', 'failed', 'canceled'] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** States that a batch never leaves. */
export const FINAL_BATCH_STATUSES = [
  'completed',
  'partial',
  'failed',
  'canceled',
] as const satisfies readonly BatchStatus[];

export const TASK_STATUSES = ['queued', 'processing', 'succeeded', 'failed', 'canceled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** States that a task never leaves. */
export const FINAL_TASK_STATUSES = ['succeeded', 'failed', 'canceled'] as const satisfies readonly TaskStatus[];

export const LEDGER_KINDS = [
  'purchase',
  'grant',
  'reserve',
  'charge',
  'refund',
  'forfeit',
  'reversal',
  'revoke',
] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** Where credits can be; `external` means outside the account. */
export const LEDGER_BUCKETS = ['external', 'available', 'reserved', 'spent'] as const;
export type LedgerBucket = (typeof LEDGER_BUCKETS)[number];

export const LEDGER_KEY_STATUSES = ['active', 'retired'] as const;

export const MODEL_LIFECYCLES = ['active', 'deprecated', 'retired'] as const;
export type ModelLifecycle = (typeof MODEL_LIFECYCLES)[number];

export const DELIVERY_STATES = ['pending', 'delivered', 'exhausted'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Why there are no more automatic attempts for a delivery. */
export const EXHAUSTED_REASONS = ['attempts_used_up', 'endpoint_disabled', 'endpoint_deleted'] as const;
export type ExhaustedReason = (typeof EXHAUSTED_REASONS)[number];

/** Deliveries that can be repeated. `missed` are events that the endpoint never got because it was disabled. */
export const REDELIVERABLE_STATES = ['exhausted', 'missed', 'delivered'] as const;
export type RedeliverableState = (typeof REDELIVERABLE_STATES)[number];

/** `test` accounts always use the simulator. */
export const ACCOUNT_MODES = ['live', 'test'] as const;
export type AccountMode = (typeof ACCOUNT_MODES)[number];

/** `suspended`: can only read. `blocked`: cannot reserve credits for new batches. `terminated`: closed for good. */
export const ACCOUNT_STATUSES = ['active', 'suspended', 'blocked', 'terminated'] as const;
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number];

/** What a signed link to a video is for. */
export const LINK_ACTIONS = ['play', 'download', 'embed'] as const;
export type LinkAction = (typeof LINK_ACTIONS)[number];
