import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { createOutboundAgent } from './agent.ts';
import { decodeBody } from './content-coding.ts';
import { HttpFailure, type HttpClient, type HttpFailureKind } from '../ports.ts';
import type { HttpRequest, HttpResponse, HttpStreamResponse } from '../ports.ts';

/** A peer that does not complete the TCP or TLS handshake in this time is taken as unreachable. */
const CONNECT_TIMEOUT_MS = 10_000;

/** setTimeout wraps round to 1 ms past this. */
const MAX_TIMER_MS = 2_147_483_647;

/** Error codes of Node, OpenSSL and undici, which never hold text of the peer's. */
const ERROR_CODE = /^[A-Z][A-Z0-9_]{1,60}$/;

/** What receives an exchange's answer. Exactly one of `end` and `fail` is called, and nothing after it. */
interface AnswerSink {
  head(status: number, headers: Readonly<Record<string, string>>): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(failure: HttpFailure): void;
}

/**
 * One exchange, told apart by whether undici handed it to a connected socket: it calls `onRequestStart` right before
 * the first byte is written, so whatever fails earlier certainly did not reach the peer, and whatever fails later,
 * stale pooled connections included, may have.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: HttpRequest;
  readonly #sink: AnswerSink;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #received = 0;
  #finished = false;

  constructor(request: HttpRequest, sink: AnswerSink) {
    this.#request = request;
    this.#sink = sink;
    this.#timer = setTimeout(this.#onTimeout, Math.min(request.timeoutMs, MAX_TIMER_MS));
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onTimeout = (): void => {
    this.fail(this.#lostKind(), `no complete answer within ${String(this.#request.timeoutMs)} ms`);
  };

  readonly #onAbort = (): void => {
    this.fail('aborted', 'aborted by the caller', this.#request.signal?.reason);
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#finished) {
      controller.abort(new Error('given up before it was sent'));
      return;
    }
    if (this.#controller !== null) {
      const message = 'the connection was lost and the request is not sent a second time';
      controller.abort(new Error(message));
      this.fail('no_answer', message);
      return;
    }
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#finished || status < 200) return;
    const flat: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
    }
    const announced = Number(flat['content-length'] ?? '0');
    if (this.#request.method !== 'HEAD' && announced > this.#request.maxResponseBytes) {
      this.#failTooLarge();
      return;
    }
    this.#sink.head(status, flat);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#finished) return;
    this.#received += chunk.length;
    if (this.#received > this.#request.maxResponseBytes) {
      this.#failTooLarge();
      return;
    }
    this.#sink.data(chunk);
  }

  onResponseEnd(): void {
    if (this.#finished) return;
    this.#finish();
    this.#sink.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.fail(this.#lostKind(), describeError(error), error);
  }

  /** The reader went away: nothing is reported any more and the connection is given up. */
  abandon(): void {
    if (this.#finished) return;
    this.#finish();
    this.#controller?.abort(new Error('the reader went away'));
  }

  pause(): void {
    if (!this.#finished) this.#controller?.pause();
  }

  resume(): void {
    if (!this.#finished) this.#controller?.resume();
  }

  fail(kind: HttpFailureKind, what: string, cause?: unknown): void {
    if (this.#finished) return;
    this.#finish();
    const failure = new HttpFailure(kind, `${this.#request.method} ${originOf(this.#request.url)}: ${what}`, { cause });
    this.#controller?.abort(failure);
    this.#sink.fail(failure);
  }

  #failTooLarge(): void {
    this.fail('too_large', `the answer is larger than ${String(this.#request.maxResponseBytes)} bytes`);
  }

  #lostKind(): HttpFailureKind {
    return this.#controller === null ? 'not_sent' : 'no_answer';
  }

  #finish(): void {
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}

export interface OutboundHttpOptions {
  /** Finds the addresses of host names; Node asks nobody about a host that is an address. */
  readonly lookup?: LookupFunction;
}

/**
 * The real `HttpClient`, over pooled connections.
 */
export function createHttpClient(options: OutboundHttpOptions = {}): HttpClient & { close(): Promise<void> } {
  const agent = createOutboundAgent({ connect: { timeout: CONNECT_TIMEOUT_MS, ...options } });

  const start: Start = (request, sink) => {
    const exchange = new Exchange(request, sink);
    if (request.signal?.aborted === true) {
      exchange.fail('aborted', 'aborted by the caller', request.signal.reason);
      return exchange;
    }
    try {
      const url = new URL(request.url);
      agent.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          // Left out, it would leave the choice to the peer (RFC 9110, section 12.5.3).
          headers: { 'accept-encoding': 'identity', ...request.headers },
          body: request.body ?? null,
        },
        exchange,
      );
    } catch (error) {
      exchange.fail('not_sent', describeError(error), error);
    }
    return exchange;
  };

  return {
    request: (request) => answerInMemory(start, request),
    stream: (request) => answerAsStream(start, request),
    /** Ends the exchanges under way as failures; callers drain first. */
    close: () => agent.destroy(),
  };
}

type Start = (request: HttpRequest, sink: AnswerSink) => Exchange;

function answerInMemory(
  start: Start,
  request: HttpRequest & { readonly maxResponseBytes: number },
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = 0;
    let headers: Readonly<Record<string, string>> = {};
    start(request, {
      head(answeredStatus, answeredHeaders) {
        status = answeredStatus;
        headers = answeredHeaders;
      },
      data: (chunk) => void chunks.push(chunk),
      end: () => {
        const body = Buffer.concat(chunks);
        decodeBody(body, headers['content-encoding'], request.maxResponseBytes).then(
          (decoded) => {
            resolve({ status, headers, body: decoded });
          },
          (error: unknown) => {
            const what = `${request.method} ${originOf(request.url)}: the answer unpacks to more than it may`;
            reject(new HttpFailure('too_large', what, { cause: error }));
          },
        );
      },
      fail: reject,
    });
  });
}

function answerAsStream(start: Start, request: HttpRequest): Promise<HttpStreamResponse> {
  return new Promise((resolve, reject) => {
    let body: Readable | null = null;
    const exchange: Exchange = start(request, {
      head(status, headers) {
        body = new Readable({
          read: () => {
            exchange.resume();
          },
          destroy: (error, callback) => {
            exchange.abandon();
            callback(error);
          },
        });
        // A failure before the caller has attached itself must not become an uncaught error event; whoever
        // consumes the stream still receives it.
        body.on('error', () => undefined);
        resolve({ status, headers, body });
      },
      data(chunk) {
        if (body?.push(chunk) === false) exchange.pause();
      },
      end: () => void body?.push(null),
      fail(failure) {
        if (body === null) reject(failure);
        else body.destroy(failure);
      },
    });
  });
}

/** Only the origin: paths and queries of result links and webhook addresses are secrets that must not reach a log. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : '(malformed URL)';
}

function describeError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeError).join(', ');
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return ERROR_CODE.test(code) ? code : error.name;
}
