/**
 * Webhooks without the rest of the SDK: no client, no API key, Web Crypto only.
 * Format: Standard Webhooks 1.0, https://www.standardwebhooks.com
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

/** Settings of checking a webhook. */
export interface VerifyOptions {
  /** Seconds that the timestamp may be away from now, in both directions; 300 when left out. */
  toleranceSeconds?: number;
  /** The time to compare with, for tests; the clock when left out. */
  now?: Date;
}

const DEFAULT_TOLERANCE_SECONDS = 300;
/** Rotation needs two; a header with more tries is not from a Rushes server. */
const SIGNATURES_MAX = 16;

function checkedBody(body: RawBody): string | Uint8Array {
  if (!isRawBody(body))
    throw bodyNotRaw(
      body,
      "Read the body as text or bytes before any JSON middleware, with express.raw({ type: 'application/json' }) or await request.text().",
    );
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
}

/** RFC 3339 is not accepted: the specification has whole seconds since 1970. */
function checkTimestamp(text: string, options: VerifyOptions): void {
  if (!/^\d{1,12}$/.test(text)) {
    throw new WebhookVerificationError(
      'bad_timestamp',
      'The header webhook-timestamp is not whole seconds since 1970.',
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
    `The webhook was signed ${where}, and ${tolerance} are allowed: it was held up or replayed, or this clock is wrong.`,
  );
}

/** Whether a signature fits; everything else that is wrong is thrown. */
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
    throw new WebhookVerificationError('bad_signature', `The request has ${signatures.length} signatures.`);
  }
  return anyMatches(secrets, signatures, { id, timestamp, body });
}

function demand(isGenuine: boolean): void {
  if (isGenuine) return;
  throw new WebhookVerificationError(
    'bad_signature',
    'No signature fits: this is the secret of another endpoint, or the body was changed on its way here.',
  );
}

/**
 * Checks that a request was sent by the server and lately. Resolves with nothing; rejects with
 * `WebhookVerificationError`, whose `reason` says what is wrong. Several secrets are for their rotation: any may match.
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
 * The event of a request, after `verify`. Its type may be one that this SDK does not know yet.
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
  return eventOf(body, 'The signature is right, but') as WebhookEvent;
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
 * The event that a body claims to be, with nothing checked: anybody can have sent it. For choosing the secret, or for a
 * log; then `unwrap` the same body, and act on what that returns.
 */
export function parseUnverified(rawBody: RawBody): UnknownEvent {
  return eventOf(checkedBody(rawBody), 'The signature was not looked at, and');
}

/** Settings of `signForTest`. */
export interface SignForTestOptions {
  /** `webhook-id`; the event's own id, or a random one, when left out. */
  id?: string;
  /** When it claims to be signed; now when left out. */
  timestamp?: Date;
}

/**
 * A signed request for the tests of your own receiver: what to send as body and headers. An object is written as JSON, a
 * string is taken as it is.
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
