import {
  APIError,
  ConnectionError,
  InvalidResponseError,
  type ListedEvent,
  type Rushes,
  TimeoutError,
} from '@rushes/sdk';
import type { Clock } from '../context.ts';

/** What happens while the event list is followed. */
export type FeedNews =
  | { readonly kind: 'event'; readonly event: ListedEvent }
  /** The server answered that there is nothing new. */
  | { readonly kind: 'heartbeat' }
  /** No answer came; the next request is made after `delayMs`. */
  | { readonly kind: 'lost'; readonly error: Error; readonly delayMs: number }
  /** The first answer after `lost`. */
  | { readonly kind: 'found' };

/** Events in a page: the largest number that the server allows. */
const PAGE_SIZE = 200;
const DELAY_FIRST_MS = 500;
const DELAY_MAX_MS = 5_000;
/** Added to the time that the server was asked to wait; after it, the connection counts as dead. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Whether the same request may succeed later. With a wrong key it does not. */
function mayPass(error: unknown): error is Error {
  if (error instanceof ConnectionError || error instanceof TimeoutError || error instanceof InvalidResponseError)
    return true;
  return error instanceof APIError && (error.status === 408 || error.status === 429 || error.status >= 500);
}

function retryDelayMs(error: Error, failures: number): number {
  if (error instanceof APIError && error.retryAfterMs !== null) return error.retryAfterMs;
  return Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** (failures - 1));
}

/**
 * Every event after the number `after`, in order and without end. It continues after restarts of the server and broken
 * connections. The cursor is the last event's seq, so no event is skipped or repeated. Throws when `signal` aborts or
 * when the server refuses the request for good.
 */
export async function* followEvents(
  client: Rushes,
  start: { readonly after: number; readonly waitSeconds: number; readonly clock: Clock },
  signal: AbortSignal,
): AsyncGenerator<FeedNews, never, undefined> {
  let { after } = start;
  let failures = 0;
  for (;;) {
    let events: readonly ListedEvent[];
    try {
      const page = await client.events.list(
        { after, wait: start.waitSeconds, limit: PAGE_SIZE },
        { signal, maxRetries: 0, timeoutMs: ANSWER_TIMEOUT_MS },
      );
      events = page.data;
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error;
      failures += 1;
      const delayMs = retryDelayMs(error, failures);
      yield { kind: 'lost', error, delayMs };
      await start.clock.sleep(delayMs, signal);
      continue;
    }
    if (failures > 0) yield { kind: 'found' };
    failures = 0;
    for (const event of events) {
      // A gap would mean that an event was lost. The list has no gaps.
      if (event.seq <= after) continue;
      yield { kind: 'event', event };
      after = event.seq;
    }
    if (events.length === 0) yield { kind: 'heartbeat' };
  }
}

/** How much larger the step of each probe is than the one before. */
const STRIDE_GROWTH = 8;

/**
 * The seq of the account's last event, 0 when there is none. The API cannot return the last event, but the numbers have
 * no gaps, so a few short requests ("is there an event after N?") find it.
 */
export async function lastEventSeq(client: Rushes, signal: AbortSignal): Promise<number> {
  const look = async (after: number): Promise<{ readonly last: number | null; readonly more: boolean }> => {
    const page = await client.events.list({ after, limit: PAGE_SIZE }, { signal });
    return { last: page.data.at(-1)?.seq ?? null, more: page.has_more };
  };
  let low = 0;
  let high: number | null = null;
  let stride = PAGE_SIZE;
  for (;;) {
    const { last, more } = await look(low);
    if (last === null) return low;
    if (!more) return last;
    low = last;
    if (high === null) {
      const beyond = await look(low + stride);
      if (beyond.last !== null) low += stride;
      else high = low + stride;
      stride *= STRIDE_GROWTH;
    } else {
      const middle: number = low + Math.floor((high - low) / 2);
      const behind = await look(middle);
      if (behind.last === null) high = middle;
      else low = middle;
    }
  }
}
