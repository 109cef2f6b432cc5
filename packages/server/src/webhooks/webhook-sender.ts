/**
 * One webhook attempt on the wire: a POST to a checked address, without redirects and without retries, bounded in time
 * and size as a whole.
 */
import { errors, request } from 'undici';
import { excerptOf } from './answer-excerpt.ts';
import {
  createGuardedConnector,
  createOutboundAgent,
  EgressRefusal,
  NameLookUpError,
  plainConnector,
  type EgressGuard,
} from '../outbound/index.ts';
import { EXCHANGE_TIMEOUT_MS, IDLE_CONNECTION_TIMEOUT_MS, MAX_ANSWER_BYTES } from './limits.ts';
import type { Clock } from '../ports.ts';

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What an attempt came to. Never an exception: every end of an exchange is an answer to record. */
export interface WebhookAnswer {
  /** Null when no status arrived. */
  readonly statusCode: number | null;
  /** Null when the answer is complete and needs no word. Safe to show to the customer. */
  readonly error: string | null;
  readonly responseExcerpt: string | null;
  /** The receiver has the event: a complete answer with a 2xx status. */
  readonly accepted: boolean;
  readonly durationMs: number;
  /** As the receiver asked for by Retry-After. */
  readonly retryAfter: string | null;
}

export interface WebhookSender {
  send(attempt: WebhookRequest): Promise<WebhookAnswer>;
  /** Closes pooled connections; exchanges under way end as failures. */
  close(): Promise<void>;
}

export interface WebhookSenderOptions {
  readonly guard: EgressGuard;
  readonly clock: Clock;
  readonly timeoutMs?: number;
  readonly maxAnswerBytes?: number;
}

/** Our own sentence about a failure. Codes of Node, OpenSSL and undici hold nothing of the peer's text. */
function explain(error: unknown): string {
  if (error instanceof EgressRefusal) return `not sent: ${error.message}`;
  if (error instanceof NameLookUpError) return `not sent: ${error.message}`;
  if (error instanceof AggregateError && error.errors.length > 0) return explain(error.errors[0]);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused (ECONNREFUSED)';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'the connection was closed before the answer was complete';
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'the connection was not made in time';
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'HPE_HEADER_OVERFLOW':
      return "the answer's headers are too large";
    default:
      if (/^(CERT|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/.test(code)) return `TLS failed (${code})`;
      if (error instanceof errors.HTTPParserError) return 'the answer is not valid HTTP';
      return /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? `the exchange failed (${code})` : 'the exchange failed';
  }
}

/** Reads up to `limit` bytes, then gives the connection up. */
async function readUpTo(
  body: AsyncIterable<Uint8Array>,
  limit: number,
  received: Uint8Array[],
): Promise<'all' | 'cut'> {
  let length = 0;
  for await (const chunk of body) {
    received.push(chunk);
    length += chunk.length;
    // Leaving the loop destroys the stream and with it the connection.
    if (length > limit) return 'cut';
  }
  return 'all';
}

/** What has arrived so far, kept whatever becomes of the rest. */
interface Heard {
  statusCode: number | null;
  retryAfter: string | null;
  readonly body: Uint8Array[];
}

function lateAfter(timeoutMs: number): { accepted: boolean; error: string } {
  return { accepted: false, error: `timeout: no complete answer within ${timeoutMs} ms` };
}

/** The status decides; an answer too long to be read whole is as good as any other. */
function judge({ statusCode }: Heard, end: 'all' | 'cut', limit: number): { accepted: boolean; error: string | null } {
  const note = end === 'cut' ? `only the first ${limit} bytes of the answer were read` : null;
  if (statusCode !== null && statusCode >= 200 && statusCode < 300) return { accepted: true, error: note };
  const redirect = statusCode !== null && statusCode >= 300 && statusCode < 400;
  const failure = redirect
    ? `HTTP ${statusCode}: redirects are not followed`
    : `HTTP ${statusCode ?? 'without status'}`;
  return { accepted: false, error: note === null ? failure : `${failure}; ${note}` };
}

/** The real sender: HTTP/1.1 by undici over guarded connections. */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const { guard, clock, timeoutMs = EXCHANGE_TIMEOUT_MS, maxAnswerBytes = MAX_ANSWER_BYTES } = options;
  const dispatcher = createOutboundAgent({
    connect: createGuardedConnector(guard, plainConnector(guard, timeoutMs)),
    keepAliveTimeout: IDLE_CONNECTION_TIMEOUT_MS,
  });

  const exchange = async (attempt: WebhookRequest, heard: Heard, signal: AbortSignal): Promise<'all' | 'cut'> => {
    // Again at every attempt: the operator's rules may have changed since the endpoint was made.
    const url = guard.checkUrl(attempt.url);
    const answer = await request(url, {
      dispatcher,
      method: 'POST',
      // Nobody unpacks the answer, so a compressed one would be an unreadable excerpt.
      headers: { ...attempt.headers, 'content-type': 'application/json', 'accept-encoding': 'identity' },
      body: attempt.body,
      signal,
    });
    heard.statusCode = answer.statusCode;
    const retryAfter = answer.headers['retry-after'];
    heard.retryAfter = typeof retryAfter === 'string' ? retryAfter : null;
    return readUpTo(answer.body, maxAnswerBytes, heard.body);
  };

  return {
    async send(attempt) {
      const startedAt = clock.monotonicMs();
      const heard: Heard = { statusCode: null, retryAfter: null, body: [] };
      const abort = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      // undici listens to the signal only once a connection stands, so the deadline needs a racer of its own.
      const deadline = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => {
          resolve('late');
          abort.abort();
        }, timeoutMs);
      });
      let judged: { accepted: boolean; error: string | null };
      try {
        const end = await Promise.race([exchange(attempt, heard, abort.signal), deadline]);
        judged = end === 'late' ? lateAfter(timeoutMs) : judge(heard, end, maxAnswerBytes);
      } catch (error) {
        judged = { accepted: false, error: explain(error) };
      } finally {
        clearTimeout(timer);
      }
      return {
        ...judged,
        statusCode: heard.statusCode,
        retryAfter: heard.retryAfter,
        responseExcerpt: excerptOf(Buffer.concat(heard.body)),
        durationMs: Math.round(clock.monotonicMs() - startedAt),
      };
    },
    close: () => dispatcher.destroy(),
  };
}
