/** Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 of `id.timestamp.body`. */
import { WebhookVerificationError } from './verification-error.ts';

/** A receiver never has more: the old and the new secret of a rotation, for a few endpoints. */
const SECRETS_MAX = 20;
const SECRET_PREFIX = 'whsec_';
/** The specification asks for 24 to 64 bytes; more is accepted, fewer is guessable. */
const SECRET_MIN_BYTES = 16;
const SIGNATURE_BYTES = 32;

type Bytes = Uint8Array<ArrayBuffer>;
type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

function fromBase64(text: string): Bytes | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

/** The HMAC key of one secret. Throws `WebhookVerificationError` for text that is no secret, without quoting it. */
async function importSecret(secret: string, usage: 'sign' | 'verify'): Promise<HmacKey> {
  const text = typeof secret === 'string' ? secret.trim() : '';
  const bytes = fromBase64(text.startsWith(SECRET_PREFIX) ? text.slice(SECRET_PREFIX.length) : text);
  if (bytes === null || bytes.length < SECRET_MIN_BYTES) {
    throw new WebhookVerificationError(
      'bad_secret',
      'The webhook secret is not one: it is whsec_ and base64, as shown when the endpoint was created. Is the variable set?',
    );
  }
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [usage]);
}

function signedBytes(id: string, timestamp: string, body: Uint8Array): Bytes {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** `v1,<base64>` over the three. */
export async function sign(secret: string, id: string, timestamp: string, body: Uint8Array): Promise<string> {
  const key = await importSecret(secret, 'sign');
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, signedBytes(id, timestamp, body)));
  return `v1,${btoa(String.fromCharCode(...mac))}`;
}

/** The signatures of version 1 in the header; entries of other versions and broken ones are passed over. */
export function parseSignatures(header: string): Bytes[] {
  return header
    .split(' ')
    .filter((entry) => entry.startsWith('v1,'))
    .map((entry) => fromBase64(entry.slice('v1,'.length)))
    .filter((bytes): bytes is Bytes => bytes?.length === SIGNATURE_BYTES);
}

/** Whether any secret made any of the signatures. `crypto.subtle.verify` compares in constant time. */
export async function anyMatches(
  secrets: readonly string[],
  signatures: readonly Bytes[],
  signed: { readonly id: string; readonly timestamp: string; readonly body: Uint8Array },
): Promise<boolean> {
  if (secrets.length === 0 || secrets.length > SECRETS_MAX) {
    const message = `Give 1 to ${SECRETS_MAX} webhook secrets, not ${secrets.length}.`;
    throw new WebhookVerificationError('bad_secret', message);
  }
  const bytes = signedBytes(signed.id, signed.timestamp, signed.body);
  // Every secret is looked at before any answer, so that a broken one shows up at once and not during a rotation.
  const keys = await Promise.all(secrets.map((secret) => importSecret(secret, 'verify')));
  let matches = false;
  for (const key of keys) {
    for (const signature of signatures) {
      matches = (await crypto.subtle.verify('HMAC', key, signature, bytes)) || matches;
    }
  }
  return matches;
}
