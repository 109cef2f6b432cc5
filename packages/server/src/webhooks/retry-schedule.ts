import { MAX_RETRY_AFTER_MS, RETRY_JITTER } from './limits.ts';

/** Seconds or an HTTP date (RFC 9110, section 10.2.3) as milliseconds from now; null for anything else. */
export function parseRetryAfter(value: string, now: Date): number | null {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const at = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)
    ? Date.parse(value)
    : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}

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
