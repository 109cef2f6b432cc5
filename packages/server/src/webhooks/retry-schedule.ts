import { MAX_RETRY_AFTER_MS, RETRY_JITTER } from './limits.ts';

export interface RetryQuestion {
  /** When each automatic attempt is due, counted from the event. */
  readonly attemptTimesMs: readonly number[];
  /** The failed one included. */
  readonly attemptsMade: number;
  /** Uniform in [0, 1). */
  readonly fraction: number;
  /** What the receiver asked for, or null. */
  readonly retryAfterMs: number | null;
}

/** How long to wait for the next automatic attempt; null when the last one has been made. */
export function nextAttemptDelayMs({
  attemptTimesMs,
  attemptsMade,
  fraction,
  retryAfterMs,
}: RetryQuestion): number | null {
  const next = attemptTimesMs[attemptsMade];
  if (next === undefined) return null;
  const gap = Math.max(0, next - (attemptTimesMs[attemptsMade - 1] ?? 0));
  const jittered = Math.round(gap * (1 + RETRY_JITTER * (2 * fraction - 1)));
  return Math.max(jittered, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
}
