import {
  APIError,
  ConnectionError,
  InvalidResponseError,
  type ListedEvent,
  type Rushes,
  TimeoutError,
} from '@rushes/sdk';
import type { Clock } from '../context.ts';

/** What following the event list comes upon. */
export type FeedNews =
  | { readonly kind: 'event'; readonly event: ListedEvent }
  /** The server answered that there is nothing new. */
  | { readonly kind: 'heartbeat' }
  /** No answer; the next look is in `delayMs`. */
  | { readonly kind: 'lost'; readonly error: Error; readonly delayMs: number }
  /** The first answer after `lost`. */
  | { readonly kind: 'found' };

/** Events in a page; the most that the server gives. */
const PAGE_SIZE = 200;
const DELAY_FIRST_MS = 500;
const DELAY_MAX_MS = 5_000;
/** Beyond the seconds that the server was asked to wait: a connection that died without a word is noticed by this. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Whether the same question may have an answer later. A wrong key has none. */
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
 * Every event behind `after`, in order and without end, over restarts of the server and broken connections: the cursor is
 * the last event's seq, so that nothing is skipped and nothing comes twice. Ends by throwing when `signal` aborts or when
 * the server refuses for good.
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
      // A hole would mean that an event is lost without a word; there are none on this list.
      if (event.seq <= after) continue;
      yield { kind: 'event', event };
      after = event.seq;
    }
    if (events.length === 0) yield { kind: 'heartbeat' };
  }
}

/** How much further each probe looks. */
const STRIDE_GROWTH = 8;

/**
 * The seq of the account's last event, 0 when there is none. The list has no end to ask for, but its numbers have no
 * holes: "is there anything behind N" finds the end in a few short requests.
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
