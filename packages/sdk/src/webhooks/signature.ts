/** Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 of `id.timestamp.body`. */
import { type HmacKey, importHmacKey } from './hmac.ts';
import { WebhookVerificationError } from './verification-error.ts';

/** A receiver never has more: the old and the new secret of a rotation, for a few endpoints. */
const SECRETS_MAX = 20;
const SECRET_PREFIX = 'whsec_';
/** The specification asks for 24 to 64 bytes; more is accepted, fewer is guessable. */
const SECRET_MIN_BYTES = 16;
/** Base64 of 32 bytes. */
const SIGNATURE = /^v1,[A-Za-z0-9+/]{43}=$/;
/**
 * Making a key of a secret takes several times as long as the signature itself. One process has a few secrets, and the
 * bound is for one that has a secret for each of its customers.
 */
const KEYS_MAX = 256;

const keys = new Map<string, HmacKey | Promise<HmacKey>>();

/** What is signed. */
export interface SignedContent {
  readonly id: string;
  readonly timestamp: string;
  readonly body: string | Uint8Array;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

/** The bytes of one secret. Throws `WebhookVerificationError` for text that is not a secret, without quoting it. */
function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const text = typeof secret === 'string' ? secret.trim() : '';
  const bytes = fromBase64(text.startsWith(SECRET_PREFIX) ? text.slice(SECRET_PREFIX.length) : text);
  if (bytes !== null && bytes.length >= SECRET_MIN_BYTES) return bytes;
  throw new WebhookVerificationError(
    'bad_secret',
    'The webhook secret is not one: it is whsec_ and base64, as shown when the endpoint was created. Is the variable set?',
  );
}

function keyOf(secret: string): HmacKey | Promise<HmacKey> {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const made = importHmacKey(secretBytes(secret));
  if (keys.size >= KEYS_MAX) keys.clear();
  keys.set(secret, made);
  return made;
}

function signatureWith(key: HmacKey, { id, timestamp, body }: SignedContent): string | Promise<string> {
  return key.base64Mac(`${id}.${timestamp}.`, body);
}

/** `v1,<base64>` over the three. */
export async function sign(secret: string, content: SignedContent): Promise<string> {
  return `v1,${await signatureWith(await keyOf(secret), content)}`;
}

/** The signatures of version 1 in the header; entries of other versions and broken ones are passed over. */
export function parseSignatures(header: string): string[] {
  return header
    .split(' ')
    .filter((entry) => SIGNATURE.test(entry))
    .map((entry) => entry.slice('v1,'.length));
}

/** Looks at every character, whatever the first difference: the time taken says nothing about where it is. */
function equals(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at += 1) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

/** Throws `WebhookVerificationError` when the list is empty, too long, or holds something that is not a secret. */
export function checkSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0 || secrets.length > SECRETS_MAX) {
    const message = `Give 1 to ${SECRETS_MAX} webhook secrets, not ${secrets.length}.`;
    throw new WebhookVerificationError('bad_secret', message);
  }
  for (const secret of secrets) if (!keys.has(secret)) secretBytes(secret);
}

/** Whether any secret made any of the signatures. Answers within the call where the runtime can. */
export function anyMatches(
  secrets: readonly string[],
  signatures: readonly string[],
  content: SignedContent,
): boolean | Promise<boolean> {
  // Every secret is looked at before any answer, so that a broken one shows up at once and not during a rotation.
  checkSecrets(secrets);
  let matches = false;
  for (const [at, secret] of secrets.entries()) {
    const key = keyOf(secret);
    const mac = key instanceof Promise ? key : key.base64Mac(`${content.id}.${content.timestamp}.`, content.body);
    if (typeof mac !== 'string') return matchesLater(secrets.slice(at), signatures, content, matches);
    for (const signature of signatures) matches = equals(mac, signature) || matches;
  }
  return matches;
}

async function matchesLater(
  secrets: readonly string[],
  signatures: readonly string[],
  content: SignedContent,
  before: boolean,
): Promise<boolean> {
  let matches = before;
  for (const secret of secrets) {
    const mac = await signatureWith(await keyOf(secret), content);
    for (const signature of signatures) matches = equals(mac, signature) || matches;
  }
  return matches;
}
