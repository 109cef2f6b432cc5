import { parseRetryAfter } from '@rushes/contract/facts/retry-after';
import { APIError, ConnectionError, InvalidResponseError, TimeoutError } from '../errors.ts';

/** Wait before the first retry. It doubles with every further retry. */
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 8_000;

/**
 * The longest Retry-After that a call waits for. Rate limits count by the minute, so this is enough for them. When a
 * server asks for more, the call ends at once with an error that has `retryAfterMs`.
 */
const RETRY_AFTER_MAX_MS = 120_000;

/**
 * Milliseconds that an answer asks to wait, or null when it does not ask. A date is compared with the answer's own Date
 * header if it has one, so a wrong clock here does not matter.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const sentAt = Date.parse(headers.get('date') ?? '');
  return parseRetryAfter(headers.get('retry-after'), Number.isNaN(sentAt) ? nowMs : sentAt);
}

/**
 * Whether the server says, in `x-should-retry`, that the same request should be sent again; null when it does not say.
 */
function serverVerdict(headers: Headers): boolean | null {
  const text = headers.get('x-should-retry')?.trim().toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : null;
}

/** The rule for an answer without `x-should-retry`. A 409 is final unless the server says when to retry. */
function isRetryableStatus(status: number, askedMs: number | null): boolean {
  return status === 408 || status === 429 || status >= 500 || (status === 409 && askedMs !== null);
}

/**
 * Whether the same request may succeed the next time. The server's `x-should-retry` decides if the answer has one;
 * otherwise the status decides. A request without an answer is always sent again, except when the caller aborted it.
 */
export function isRetryable(failure: unknown): boolean {
  // A success that cannot be read is not from a Rushes server, so its headers do not count.
  if (failure instanceof InvalidResponseError) return false;
  if (failure instanceof APIError) {
    return serverVerdict(failure.headers) ?? isRetryableStatus(failure.status, failure.retryAfterMs);
  }
  return failure instanceof ConnectionError || failure instanceof TimeoutError;
}

/**
 * Milliseconds to wait before retry number `retry` (from 0), or null when there is no retry. The server's Retry-After replaces the backoff; one above `RETRY_AFTER_MAX_MS` ends the call.
 *
 * @param fraction uniform in [0, 1), for jitter
 */
export function retryDelayMs(failure: unknown, retry: number, fraction: number): number | null {
  if (!isRetryable(failure)) return null;
  const retryAfterMs = failure instanceof APIError ? failure.retryAfterMs : null;
  if (retryAfterMs === null) return backoffMs(retry, fraction);
  return retryAfterMs > RETRY_AFTER_MAX_MS ? null : retryAfterMs;
}

/**
 * Milliseconds before retry number `retry` (from 0): exponential, with an upper limit, and reduced at random by at most
 * half.
 */
export function backoffMs(retry: number, fraction: number): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(retry, 30));
  return full * (0.5 + fraction / 2);
}
