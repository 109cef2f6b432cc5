import type { Terms } from '../types.ts';

export const FAILURE_TYPES = [
  'provider_error',
  'storage_error',
  'provider_rate_limited',
  'provider_unavailable',
  'timeout',
  'invalid_request',
  'model_retired',
  'internal_error',
  'moderation_input',
  'moderation_output',
  'canceled',
] as const;

export type FailureType = (typeof FAILURE_TYPES)[number];

/** What happens to a task's reserved credits when the task does not succeed. */
export const RESOLUTIONS = ['refund', 'forfeit'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** The failure types that the account's terms decide about. Every other failure is refunded. */
export const NEGOTIABLE_FAILURES = ['moderation_input', 'moderation_output', 'canceled'] as const;

export const DEFAULT_TERMS: Terms = {
  moderation_input: 'forfeit',
  moderation_output: 'refund',
  canceled: 'refund',
};

/** The message that the customer reads for each failure type. The provider's own text, ids and URLs are never shown. */
export const FAILURE_MESSAGES: Readonly<Record<FailureType, string>> = {
  provider_error: 'The video provider could not generate this video. Retry the prompt as a new batch.',
  storage_error:
    'The video was generated, but we could not download and store it before it expired. Retry the prompt as a new batch.',
  provider_rate_limited:
    'The video provider had no free capacity for this task. Retry the prompt later as a new batch.',
  provider_unavailable: 'The video provider could not be reached. Retry the prompt later as a new batch.',
  timeout: 'The video was not finished in time. Retry the prompt as a new batch.',
  invalid_request:
    'The video provider refused this prompt or its parameters as invalid. Change them before you try again.',
  model_retired: 'The model was retired before this task could run. Use another model.',
  internal_error: 'An error on our side stopped this task. Retry the prompt as a new batch.',
  moderation_input: 'Content moderation rejected the prompt or image. Change it before you try again.',
  moderation_output: 'Content moderation rejected the generated video. Change the prompt before you try again.',
  canceled: 'The batch was canceled before this task was sent.',
};
