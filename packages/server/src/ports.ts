/**
 * Everything the server takes from the outside world. Rooms receive these interfaces and never import the real thing,
 * so that whole histories can be replayed with a fake clock, a seeded source of ids and a faulty upstream.
 */
import type { Readable } from 'node:stream';

/** Timers say only when to look; what time it is for money, leases and deadlines is decided by SQL `rushes_now()`. */
export interface Clock {
  /** Milliseconds of a clock that never goes back; only differences mean anything. */
  monotonicMs(): number;
  /** Wall clock, for log lines, signed links and webhook timestamps. */
  now(): Date;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** Bytes from a cryptographically secure source. */
  bytes(length: number): Uint8Array;
  /** UUIDv7 in its 36-character form (RFC 9562): sorts by creation time to the millisecond. */
  uuid(): string;
  /** Uniform in [0, 1), for jitter only. */
  fraction(): number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'HEAD' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For the whole exchange, from the name look-up to the last byte of the body. */
  readonly timeoutMs: number;
  /** Reading stops with a `too_large` failure past this many bytes. */
  readonly maxResponseBytes: number;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpStreamResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Fails with an `HttpFailure` on time-out, reset or size. Must be consumed or destroyed. */
  readonly body: Readable;
}

/**
 * Why an exchange gave no usable answer.
 * `not_sent`: the request cannot have reached the peer (name look-up, refused connection, TLS).
 * `no_answer`: it may have (time-out, reset, cut-off body). `too_large`: the answer exceeded the limit.
 */
export type HttpFailureKind = 'not_sent' | 'no_answer' | 'too_large' | 'aborted';

export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly kind: HttpFailureKind;
  constructor(kind: HttpFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Outbound HTTP without redirects and without retries. Rejects with `HttpFailure` only. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>;
  stream(request: HttpRequest): Promise<HttpStreamResponse>;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** The part of pino's interface in use: fields first, then the message. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

export interface StoredVideo {
  /** Where the storage keeps it; meaningless elsewhere. */
  readonly key: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  readonly contentType: string;
}

export interface VideoStorage {
  /**
   * Stores a stream whole or not at all: when it resolves, the bytes survive a power cut; when it rejects, nothing of
   * them is visible under `key`.
   */
  put(key: string, content: Readable, contentType: string, maxBytes: number): Promise<StoredVideo>;
  /** Bytes [start, end] inclusive; rejects when there is no such object. */
  read(key: string, range?: { readonly start: number; readonly end: number }): Promise<Readable>;
  /** Size in bytes, or null when there is no such object. */
  size(key: string): Promise<number | null>;
  remove(key: string): Promise<void>;
}

export interface MetricDescription<L extends string> {
  /** `rushes_…`, with its unit last. */
  readonly name: string;
  readonly help: string;
  /** Each with few values: never an account, a batch, a path or a text of somebody else's. */
  readonly labels: readonly L[];
}

export type MetricLabels<L extends string> = Readonly<Record<L, string>>;

export interface Counter<L extends string> {
  add(labels: MetricLabels<L>, amount?: number): void;
}

export interface Gauge<L extends string> {
  set(labels: MetricLabels<L>, value: number): void;
  /** Takes every value away, so that what is not set again is not shown. */
  clear(): void;
}

export interface Histogram<L extends string> {
  observe(labels: MetricLabels<L>, value: number): void;
}

/** What operators watch. Asking twice for one name gives the same metric. */
export interface Metrics {
  counter<L extends string>(description: MetricDescription<L>): Counter<L>;
  gauge<L extends string>(description: MetricDescription<L>): Gauge<L>;
  /** `buckets`: upper bounds, ascending. */
  histogram<L extends string>(description: MetricDescription<L>, buckets: readonly number[]): Histogram<L>;
  /** `fill` is awaited before each reading, for what is known elsewhere than here. It must not reject. */
  beforeReading(fill: () => void | Promise<void>): void;
}

/** Counts nothing. */
export const NO_METRICS: Metrics = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined, clear: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  beforeReading: () => undefined,
};
