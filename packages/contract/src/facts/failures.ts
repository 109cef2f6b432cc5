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

/** What becomes of a task's reserved credits when it does not succeed. */
export const RESOLUTIONS = ['refund', 'forfeit'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** The failure types whose resolution an account's terms can change; every other one is refunded. */
export const NEGOTIABLE_FAILURES = ['moderation_input', 'moderation_output', 'canceled'] as const;

export const DEFAULT_TERMS: Terms = {
  moderation_input: 'forfeit',
  moderation_output: 'refund',
  canceled: 'refund',
};

/** What the customer reads. An upstream's own text, ids and URLs never reach them. */
export const FAILURE_MESSAGES: Readonly<Record<FailureType, string>> = {
  provider_error: 'The video provider could not generate this video. Retry the prompt as a new batch.',
  storage_error: 'The video was generated but could not be fetched and stored before it expired.',
  provider_rate_limited: 'The video provider had no capacity for this task.',
  provider_unavailable: 'The video provider could not be reached.',
  timeout: 'The video was not finished in time.',
  invalid_request: 'The video provider refused this prompt or its parameters as invalid.',
  model_retired: 'The model was retired before this task could run.',
  internal_error: 'An error on our side stopped this task.',
  moderation_input: 'The prompt or image was rejected by content moderation. Change it before trying again.',
  moderation_output: 'The generated video was rejected by content moderation.',
  canceled: 'The batch was canceled before this task was sent.',
};
