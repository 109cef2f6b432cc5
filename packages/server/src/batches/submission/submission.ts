import type { ModelSpec, TaskParams, EndpointUuid } from '@rushes/contract';

export interface SubmittedItem {
  readonly prompt: string;
  readonly customId: string | null;
  /** The item's own parameters, completed by the submission's defaults. */
  readonly params: TaskParams;
}

/**
 * A completely checked request for a batch. Only the price, the account's credits and the time can still be a reason to
 * refuse it.
 */
export interface Submission {
  /** Null in an estimate. */
  readonly requestId: string | null;
  /** SHA-256 of the request after parsing and defaults, the same for JSON, CSV and NDJSON. */
  readonly requestHash: Uint8Array;
  readonly model: ModelSpec;
  readonly items: readonly SubmittedItem[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly spendLimit: number | null;
  readonly expectedUnitPrice: number | null;
  readonly maxFailureRate: number | null;
  readonly deadlineHours: number;
  readonly webhookEndpointUuid: EndpointUuid | null;
}

/** The content of a body, not checked yet. */
export interface RawSubmission {
  /** Every field but `items`, as JSON values. */
  readonly fields: ReadonlyMap<string, unknown>;
  /** At most as many items as the largest batch allows; `itemCount` is the real number. */
  readonly items: readonly RawItem[];
  readonly itemCount: number;
}

export interface RawItem {
  /** Physical line where the record begins, from 1; null in a JSON body. */
  readonly line: number | null;
  readonly value: unknown;
}
