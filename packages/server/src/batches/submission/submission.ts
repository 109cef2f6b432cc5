import type { ModelSpec, TaskParams, EndpointUuid } from '@rushes/contract';

export interface SubmittedItem {
  readonly prompt: string;
  readonly customId: string | null;
  /** The item's own parameters over the submission's defaults. */
  readonly params: TaskParams;
}

/** A request for a batch, checked whole: nothing about it can be wrong any more but the price, the money and the time. */
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

/** What a body says, before any of it is believed. */
export interface RawSubmission {
  /** Every field but `items`, as JSON values. */
  readonly fields: ReadonlyMap<string, unknown>;
  /** At most as many as the largest batch; `itemCount` tells how many there are. */
  readonly items: readonly RawItem[];
  readonly itemCount: number;
}

export interface RawItem {
  /** Physical line where the record begins, from 1; null in a JSON body. */
  readonly line: number | null;
  readonly value: unknown;
}
