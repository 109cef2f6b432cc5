import type { ErrorCode, ItemError } from '@rushes/contract';

/** Why a request is turned down, in the terms of the API: it becomes the problem document as it is. */
export interface Refusal {
  readonly code: ErrorCode;
  /** What happened, to which thing, and what to do next. Safe to show to the customer. */
  readonly detail: string;
  readonly param?: string;
  readonly errors?: readonly ItemError[];
  /** How many errors there are in all, when `errors` is cut. */
  readonly errorCount?: number;
  /** Credits, with insufficient_credits. */
  readonly required?: number;
  readonly available?: number;
  readonly shortfall?: number;
  readonly retryAfterSeconds?: number;
}

/** An expected failure is a value; only broken assumptions are thrown. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export function accept<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function refuse(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}

/**
 * Something that an operator can put right: its message says what happened and what to do next, and is shown without a
 * stack. Thrown where a program starts or a command runs, never while a request is answered.
 */
export class ExplainedError extends Error {
  /** Of the command that ends with it. */
  readonly exitCode: number = 1;
}
