/**
 * Verifies webhooks. Works without a client and an API key, and needs only Web Crypto. Format: Standard Webhooks 1.0,
 * https://www.standardwebhooks.com
 */
import { bodyNotRaw, isRawBody, type RawBody } from './body.ts';
import type { UnknownEvent, WebhookEvent } from './events.ts';
import { signatureHeaders, type WebhookHeaders } from './headers.ts';
import { anyMatches, parseSignatures, sign } from './signature.ts';
import { WebhookVerificationError } from './verification-error.ts';

export { RushesError } from '../rushes-error.ts';
export type { RawBody } from './body.ts';
export type * from './events.ts';
export type { WebhookHeaders } from './headers.ts';
export { type VerificationFailure, WebhookVerificationError } from './verification-error.ts';

/** Settings for verifying a webhook. */
export interface VerifyOptions {
  /** How many seconds the timestamp may be before or after now. The default is 300. */
  toleranceSeconds?: number;
  /** The time to compare with, for tests. The default is the clock. */
  now?: Date;
}

const DEFAULT_TOLERANCE_SECONDS = 300;
/** A rotation needs two. A header with many more signatures is not from a Rushes server. */
const SIGNATURES_MAX = 16;

function checkedBody(body: RawBody): string | Uint8Array {
  if (!isRawBody(body))
    throw bodyNotRaw(
      body,
      "Read the body as text or bytes before any JSON middleware reads it, with express.raw({ type: 'application/json' }) or await request.text().",
    );
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
}

/** The time of the header in whole seconds since 1970, as the specification says. RFC 3339 is not accepted. */
function checkTimestamp(text: string, options: VerifyOptions): void {
  if (!/^\d{1,12}$/.test(text)) {
    throw new WebhookVerificationError(
      'bad_timestamp',
      'The header webhook-timestamp is not a number of whole seconds since 1970.',
    );
  }
  const tolerance = options.toleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS;
  if (!(tolerance >= 0)) throw new RangeError(`toleranceSeconds must be 0 or more, not ${tolerance}.`);
  const nowSeconds = Math.floor((options.now?.getTime() ?? Date.now()) / 1_000);
  const age = nowSeconds - Number(text);
  if (Math.abs(age) <= tolerance) return;
  const where = age > 0 ? `${age} seconds ago` : `${-age} seconds in the future`;
  throw new WebhookVerificationError(
    'outside_tolerance',
    `The webhook was signed ${where}, and at most ${tolerance} are allowed. It was delayed or replayed, or the clock of this machine is wrong.`,
  );
}

/** Whether a signature matches. Throws for every other problem. */
function fits(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  options: VerifyOptions,
): boolean | Promise<boolean> {
  const { id, timestamp, signature } = signatureHeaders(headers);
  const signatures = parseSignatures(signature);
  checkTimestamp(timestamp, options);
  const secrets = typeof secret === 'string' ? [secret] : Array.isArray(secret) ? secret : [''];
  if (signatures.length > SIGNATURES_MAX) {
    throw new WebhookVerificationError('bad_signature', `The request has too many signatures (${signatures.length}).`);
  }
  return anyMatches(secrets, signatures, { id, timestamp, body });
}

function demand(isGenuine: boolean): void {
  if (isGenuine) return;
  throw new WebhookVerificationError(
    'bad_signature',
    'No signature matches: this is the secret of another endpoint, or the body was changed on its way.',
  );
}

/**
 * Checks that the server sent a request, and sent it recently. Rejects with `WebhookVerificationError`, whose `reason`
 * says what is wrong. During a rotation you can give several secrets; one of them must match.
 */
export async function verify(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<void> {
  demand(await fits(checkedBody(rawBody), headers, secret, options));
}

/**
 * Verifies a request and returns its event. Its type may be one that this SDK does not know yet.
 *
 * @example
 * const event = await unwrap(await request.text(), request.headers, secret);
 * if (event.type === 'batch.completed') console.log(event.data.credits.charged);
 */
export async function unwrap(
  rawBody: RawBody,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<WebhookEvent> {
  const body = checkedBody(rawBody);
  demand(await fits(body, headers, secret, options));
  return eventOf(body, 'The signature is valid, but') as WebhookEvent;
}

/** The event in a body. Throws `WebhookVerificationError` when the body does not hold one. */
function eventOf(body: string | Uint8Array, before: string): UnknownEvent {
  let event: unknown;
  try {
    event = JSON.parse(typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new WebhookVerificationError('bad_payload', `${before} the body is not JSON.`);
  }
  if (typeof event !== 'object' || event === null || !('type' in event) || typeof event.type !== 'string') {
    throw new WebhookVerificationError('bad_payload', `${before} the body is not an event.`);
  }
  return event as UnknownEvent;
}

/**
 * The event in a body, without any check: anybody can have sent it. Use it to choose the secret or to write a log; then
 * call `unwrap` with the same body, and act on its result.
 */
export function parseUnverified(rawBody: RawBody): UnknownEvent {
  return eventOf(checkedBody(rawBody), 'The signature was not checked, and');
}

/** Settings of `signForTest`. */
export interface SignForTestOptions {
  /** The header `webhook-id`. The default is the event's own id, or a random one. */
  id?: string;
  /** The time of signing. The default is now. */
  timestamp?: Date;
}

/**
 * Makes a signed request for tests of your own receiver: its body and headers. An object is written as JSON; a string
 * is used as it is.
 */
export async function signForTest(
  event: string | object,
  secret: string,
  options: SignForTestOptions = {},
): Promise<{ body: string; headers: Record<string, string> }> {
  const body = typeof event === 'string' ? event : JSON.stringify(event);
  const own = typeof event === 'object' && 'id' in event && typeof event.id === 'string' ? event.id : undefined;
  const id = options.id ?? own ?? `evt_${crypto.randomUUID()}`;
  const timestamp = String(Math.floor((options.timestamp?.getTime() ?? Date.now()) / 1_000));
  const signature = await sign(secret, { id, timestamp, body });
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    },
  };
}
