/** Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 of `id.timestamp.body`. */
import { type HmacKey, importHmacKey } from './hmac.ts';
import { WebhookVerificationError } from './verification-error.ts';

/** A receiver never needs more: the old and the new secret of a rotation, for a few endpoints. */
const SECRETS_MAX = 20;
const SECRET_PREFIX = 'whsec_';
/** The specification asks for 24 to 64 bytes. More is accepted; fewer could be guessed. */
const SECRET_MIN_BYTES = 16;
/** Base64 of 32 bytes. */
const SIGNATURE = /^v1,[A-Za-z0-9+/]{43}=$/;
/**
 * How many keys are kept, because making a key from a secret takes several times as long as a signature. Most processes
 * have a few secrets; the limit is for one that has a secret for each customer.
 */
const KEYS_MAX = 256;

const keys = new Map<string, HmacKey | Promise<HmacKey>>();

/** The content that is signed. */
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

/**
 * The bytes of one secret. Throws `WebhookVerificationError` for text that is not a secret; the message does not quote
 * it.
 */
function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const text = typeof secret === 'string' ? secret.trim() : '';
  const bytes = fromBase64(text.startsWith(SECRET_PREFIX) ? text.slice(SECRET_PREFIX.length) : text);
  if (bytes !== null && bytes.length >= SECRET_MIN_BYTES) return bytes;
  throw new WebhookVerificationError(
    'bad_secret',
    'The webhook secret is not valid: it must be whsec_ and base64, as shown when the endpoint was created. Check that the variable is set.',
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

/** The signatures of version 1 in the header. Entries of other versions and invalid ones are skipped. */
export function parseSignatures(header: string): string[] {
  return header
    .split(' ')
    .filter((entry) => SIGNATURE.test(entry))
    .map((entry) => entry.slice('v1,'.length));
}

/** Compares two texts in a time that does not depend on where they differ. */
function equals(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at += 1) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

/**
 * Checks a list of secrets. Throws `WebhookVerificationError` when the list is empty, too long, or has a text that is
 * not a secret.
 */
export function checkSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0 || secrets.length > SECRETS_MAX) {
    const message = `Give 1 to ${SECRETS_MAX} webhook secrets, not ${secrets.length}.`;
    throw new WebhookVerificationError('bad_secret', message);
  }
  for (const secret of secrets) if (!keys.has(secret)) secretBytes(secret);
}

/** Whether one of the secrets made one of the signatures. Synchronous if the runtime allows it. */
export function anyMatches(
  secrets: readonly string[],
  signatures: readonly string[],
  content: SignedContent,
): boolean | Promise<boolean> {
  // Every secret is checked first, so that an invalid one is noticed at once and not during a rotation.
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
