import { RATE_WINDOW_MS, RATE_WINDOWS_MAX } from './limits.ts';

/** What a key has left, in the terms of the RateLimit header fields. */
export interface RateVerdict {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until a request will be possible again; 0 when one is possible now. */
  readonly retryAfterSeconds: number;
  /** Seconds until the oldest request leaves the window and gives its place back. */
  readonly resetSeconds: number;
}

/** The times of a key's last `limit` requests, as a ring. */
interface Window {
  readonly times: Float64Array;
  next: number;
}

/** How many of a window's times are out of it. From `next` on the ring is in order, so they are found by halving. */
function placesLeft({ times, next }: Window, nowMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const time = times[(next + middle) % times.length] ?? nowMs;
    if (nowMs - time >= RATE_WINDOW_MS) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * At most `limit` requests in any 60 seconds per key: a sliding log, exact within this process (docs/decisions/0020). A refused
 * request is not counted, so that a client that backs off gets through as soon as the window allows.
 */
export class RateLimiter {
  readonly #windows = new Map<string, Window>();

  take(key: string, limit: number, nowMs: number): RateVerdict {
    const window = this.#windowOf(key, limit);
    const oldest = window.times[window.next] ?? -Infinity;
    const allowed = nowMs - oldest >= RATE_WINDOW_MS;
    if (allowed) {
      window.times[window.next] = nowMs;
      window.next = (window.next + 1) % limit;
    }
    const left = placesLeft(window, nowMs);
    const earliest = window.times[(window.next + left) % limit] ?? nowMs;
    const resetSeconds = Math.ceil((RATE_WINDOW_MS - (nowMs - earliest)) / 1_000);
    return {
      allowed,
      limit,
      remaining: left,
      retryAfterSeconds: allowed ? 0 : Math.max(1, resetSeconds),
      resetSeconds,
    };
  }

  #windowOf(key: string, limit: number): Window {
    const known = this.#windows.get(key);
    this.#windows.delete(key);
    // A changed limit begins a new window: the operator's change takes effect with the next request.
    const window = known?.times.length === limit ? known : { times: new Float64Array(limit).fill(-Infinity), next: 0 };
    // Maps keep insertion order, so the first key is the one used longest ago.
    this.#windows.set(key, window);
    if (this.#windows.size > RATE_WINDOWS_MAX) {
      const first = this.#windows.keys().next();
      if (first.done !== true) this.#windows.delete(first.value);
    }
    return window;
  }
}

/** RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10). */
export function rateLimitHeaders(verdict: RateVerdict): Readonly<Record<string, string>> {
  return {
    'RateLimit-Policy': `"per-key";q=${verdict.limit};w=${RATE_WINDOW_MS / 1_000}`,
    RateLimit: `"per-key";r=${verdict.remaining};t=${verdict.resetSeconds}`,
  };
}
