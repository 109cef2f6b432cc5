/** API keys and webhook secrets, wherever they turn up in text that somebody else wrote. */
const SECRETS = /\b(rk_live_|rk_test_|ro_|whsec_)[A-Za-z0-9+/=_-]{8,}/g;

/** `text` with every API key and webhook secret replaced, so that it can stand in a message or a log line. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, '$1[redacted]');
}

/** What an error of this SDK can carry besides its message. */
export interface RushesErrorOptions {
  /** The failure underneath. */
  readonly cause?: unknown;
  /** Idempotency key of the request that failed. */
  readonly requestId?: string | undefined;
}

/**
 * Root of everything this SDK throws on purpose. No message holds an API key or a webhook secret.
 */
export class RushesError extends Error {
  static {
    this.prototype.name = 'RushesError';
  }
  /**
   * Idempotency key that the failed request carried, where it carried one. When it is unknown whether the request had
   * an effect (`ConnectionError`, `TimeoutError`, `AbortError`), send the same request with this value again: it can
   * never have its effect twice.
   */
  readonly requestId: string | undefined;

  constructor(message: string, options: RushesErrorOptions = {}) {
    super(withoutSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.requestId = options.requestId;
  }
}
