import { WebhookVerificationError } from './verification-error.ts';

/** The body of a request exactly as it arrived. */
export type RawBody = string | Uint8Array | ArrayBuffer;

/** Whether a body is text or bytes, and not a parsed value. */
export function isRawBody(body: unknown): body is RawBody {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ArrayBuffer;
}

/** The error for a body that was parsed already. `advice` says how to get the bytes instead. */
export function bodyNotRaw(body: unknown, advice: string): WebhookVerificationError {
  const found = body === null || body === undefined ? String(body) : `a parsed ${typeof body}`;
  const why =
    'The signature covers the exact bytes that were sent, and parsed JSON does not give the same bytes again.';
  return new WebhookVerificationError(
    'body_not_raw',
    `The body is ${found}, not the raw request body. ${why} ${advice}`,
  );
}
