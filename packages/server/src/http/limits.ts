/** Every limit of the HTTP side with the reason for its value. */
import { ITEM_LIMITS } from '@rushes/contract';

/** A batch of 10,000 prompts of 5,000 code points, JSON around them, most of them not in the longest encoding. */
export const SUBMISSION_BODY_MAX_BYTES = ITEM_LIMITS.bodyMaxBytes;

/** Every other request is a handful of short fields. */
export const SMALL_BODY_MAX_BYTES = 64 * 1024;

/** Bodies held in memory by one process at a time: five of the largest. Past it, callers are asked to come back. */
export const BUFFERED_BODIES_MAX_BYTES = 5 * SUBMISSION_BODY_MAX_BYTES;

/** Request line and headers together. Ours are below 2 KiB; proxies add cookies and forwarding headers. */
export const HEADERS_MAX_BYTES = 16 * 1024;

/** Headers fit one packet or two: a client that needs longer holds a connection open for nothing. */
export const HEADERS_TIMEOUT_MS = 20_000;

/** The largest body at 1.5 Mbit/s takes 270 s. */
export const REQUEST_TIMEOUT_MS = 300_000;

/** Longer than the 60 s of common proxies, so that they never send on a connection that we are closing. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** No byte either way: the peer of an export or upload is gone. A long poll is silent for 30 s at most. */
export const SOCKET_IDLE_TIMEOUT_MS = 120_000;

/**
 * After a refusal the rest of the body is read and dropped up to these bounds. Closing earlier would reset the
 * connection, and the client could lose the answer that tells it what was wrong.
 */
export const DRAIN_MAX_BYTES = 2 * SUBMISSION_BODY_MAX_BYTES;
export const DRAIN_TIMEOUT_MS = 15_000;

/** A client that waits for `100 Continue` sends nothing after a refusal; this is for one that got impatient. */
export const DRAIN_UNASKED_TIMEOUT_MS = 2_000;

/** Exchanges under way get this long to end when the server stops; then their connections are cut. */
export const CLOSE_GRACE_MS = 10_000;

export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 200;

/** Below the idle time-outs of proxies; a client that wants to wait longer asks again. */
export const EVENT_WAIT_MAX_SECONDS = 30;

/** How often a waiting reader's event list is looked at: one primary key look-up each time. */
export const EVENT_POLL_INTERVAL_MS = 250;

/** Window of `rate_limit_per_min`. */
export const RATE_WINDOW_MS = 60_000;

/** Keys whose window is kept; 10,000 of a pilot plan's are 5 MB. The one used longest ago goes first. */
export const RATE_WINDOWS_MAX = 10_000;

/** Asked of callers while the database is away: a restart of Postgres takes a second or two. */
export const UNAVAILABLE_RETRY_SECONDS = 2;

/** A page over every account and a script for a month's invoices fit; a stolen key does not get far unnoticed. */
export const OPERATOR_REQUESTS_PER_MIN = 600;

/** For one submission. An upstream that tells of every percent stays below it; who has its address alone gets no further. */
export const CALLBACKS_PER_MIN = 60;
