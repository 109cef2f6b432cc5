import type { FailureType } from '@rushes/contract';
import { RETRY_POLICY } from '../../upstreams/index.ts';

export interface RetryLimits {
  /** Failures after which a task is not tried again: the route's attempts. */
  readonly maxFailures: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

type RetryDecision =
  { readonly retry: false } | { readonly retry: true; readonly counted: boolean; readonly delayMs: number };

/**
 * Whether a failed attempt is followed by another. `failures` and `attempt` are the task's counters before this
 * failure; delays double with full jitter between a half and the whole (capped exponential backoff).
 */
export function decideRetry(
  type: FailureType,
  counters: { readonly failures: number; readonly attempt: number },
  limits: RetryLimits,
  jitter: number,
  retryAfterMs?: number,
): RetryDecision {
  const { retry, countsAsFailure: counted } = RETRY_POLICY[type];
  if (!retry) return { retry: false };
  if (counted && counters.failures + 1 >= limits.maxFailures) return { retry: false };
  const step = counted ? counters.failures : Math.max(0, counters.attempt - 1);
  const backoffMs = Math.min(limits.maxDelayMs, limits.baseDelayMs * 2 ** Math.min(step, 20));
  const delayMs = Math.max(backoffMs * (0.5 + jitter / 2), Math.min(retryAfterMs ?? 0, limits.maxDelayMs));
  return { retry: true, counted, delayMs };
}
