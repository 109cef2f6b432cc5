import type { FailureType } from '@rushes/contract';

export interface RetryRule {
  /** Whether another generation is submitted for the same task. */
  readonly retry: boolean;
  /** Whether it uses up one of the route's attempts. */
  readonly countsAsFailure: boolean;
}

const FINAL: RetryRule = { retry: false, countsAsFailure: false };
const NOT_THE_TASKS_FAULT: RetryRule = { retry: true, countsAsFailure: false };

/** What the worker does after each kind of failure. */
export const RETRY_POLICY: Readonly<Record<FailureType, RetryRule>> = {
  provider_error: { retry: true, countsAsFailure: true },
  // Only the fetch is repeated, as long as the result's URL lives: the generation itself has been paid for.
  storage_error: FINAL,
  provider_rate_limited: NOT_THE_TASKS_FAULT,
  provider_unavailable: NOT_THE_TASKS_FAULT,
  timeout: FINAL,
  invalid_request: FINAL,
  model_retired: FINAL,
  internal_error: FINAL,
  moderation_input: FINAL,
  moderation_output: FINAL,
  canceled: FINAL,
};
