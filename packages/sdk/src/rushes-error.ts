/** Matches API keys and webhook secrets in any text. */
const SECRETS = /\b(rk_live_|rk_test_|ro_|whsec_)[A-Za-z0-9+/=_-]{8,}/g;

/** `text` with every API key and webhook secret replaced, so that it is safe in a message or a log line. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, '$1[redacted]');
}

/** Optional details of an error of this SDK. */
export interface RushesErrorOptions {
  /** The error that caused this one. */
  readonly cause?: unknown;
  /** Idempotency key of the request that failed. */
  readonly requestId?: string | undefined;
}

/**
 * The base class of all errors that this SDK throws on purpose. Messages never include an API key or a webhook secret.
 */
export class RushesError extends Error {
  static {
    this.prototype.name = 'RushesError';
  }
  /**
   * Idempotency key of the failed request, if it had one. When you do not know whether the server carried out the
   * request (`ConnectionError`, `TimeoutError`, `AbortError`), send the same request again with this value: the server
   * carries it out only once.
   */
  readonly requestId: string | undefined;

  constructor(message: string, options: RushesErrorOptions = {}) {
    super(withoutSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.requestId = options.requestId;
  }
}
