import { WebhookVerificationError } from './verification-error.ts';

/** The body of a request exactly as it arrived. */
export type RawBody = string | Uint8Array | ArrayBuffer;

/** Whether it is text or bytes, and not what somebody's parser made of them. */
export function isRawBody(body: unknown): body is RawBody {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ArrayBuffer;
}

/** The error for a body that was parsed; `advice` says how to have the bytes instead. */
export function bodyNotRaw(body: unknown, advice: string): WebhookVerificationError {
  const found = body === null || body === undefined ? String(body) : `a parsed ${typeof body}`;
  const why =
    'The signature is over the bytes that were sent, and JSON that was parsed and written again is other bytes.';
  return new WebhookVerificationError(
    'body_not_raw',
    `The body is ${found}, not the raw request body. ${why} ${advice}`,
  );
}
