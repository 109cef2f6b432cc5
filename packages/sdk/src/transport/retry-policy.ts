import { parseRetryAfter } from '@rushes/contract/facts/retry-after';
import { APIError, ConnectionError, InvalidResponseError, TimeoutError } from '../errors.ts';

/** Backoff before the first retry; doubles with every further one. */
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 8_000;

/**
 * The longest Retry-After that is waited for inside a call. Rate limits count by the minute, so this covers them; a
 * server that asks for more gets its way by the error being handed to the caller at once, with `retryAfterMs` in it.
 */
const RETRY_AFTER_MAX_MS = 120_000;

/**
 * Milliseconds that an answer asks to wait, or null. A date counts from the answer's own Date header where it has one, so
 * that a wrong clock here does not matter.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const sentAt = Date.parse(headers.get('date') ?? '');
  return parseRetryAfter(headers.get('retry-after'), Number.isNaN(sentAt) ? nowMs : sentAt);
}

/** What the server says about sending the same request again, in `x-should-retry`; null when it does not say. */
function serverVerdict(headers: Headers): boolean | null {
  const text = headers.get('x-should-retry')?.trim().toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : null;
}

/** The rule for an answer without a verdict of the server. A 409 is final unless the server names a time. */
function isRetryableStatus(status: number, askedMs: number | null): boolean {
  return status === 408 || status === 429 || status >= 500 || (status === 409 && askedMs !== null);
}

/**
 * Whether the same request may succeed the next time. The server's `x-should-retry` decides where its answer has one;
 * otherwise the status does. A request without an answer may always be sent again, the caller's abort never.
 */
export function isRetryable(failure: unknown): boolean {
  // A success that cannot be read was not written by a Rushes server, and its headers were not either.
  if (failure instanceof InvalidResponseError) return false;
  if (failure instanceof APIError) {
    return serverVerdict(failure.headers) ?? isRetryableStatus(failure.status, failure.retryAfterMs);
  }
  return failure instanceof ConnectionError || failure instanceof TimeoutError;
}

/**
 * Milliseconds to wait before retry number `retry` (from 0), or null when the call ends with `failure`. The server's
 * Retry-After wins over the backoff; one above `RETRY_AFTER_MAX_MS` ends the call.
 *
 * @param fraction uniform in [0, 1), for jitter
 */
export function retryDelayMs(failure: unknown, retry: number, fraction: number): number | null {
  if (!isRetryable(failure)) return null;
  const retryAfterMs = failure instanceof APIError ? failure.retryAfterMs : null;
  if (retryAfterMs === null) return backoffMs(retry, fraction);
  return retryAfterMs > RETRY_AFTER_MAX_MS ? null : retryAfterMs;
}

/** Milliseconds before retry number `retry` (from 0): exponential, capped, at least half of it kept under jitter. */
export function backoffMs(retry: number, fraction: number): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(retry, 30));
  return full * (0.5 + fraction / 2);
}
