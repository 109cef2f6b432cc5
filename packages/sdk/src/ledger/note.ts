/** Signed notes (https://c2sp.org/signed-note) with Ed25519 keys. */
import { RushesError } from '../rushes-error.ts';
import { type Bytes, concat, equal, fromBase64, toHex, utf8 } from './bytes.ts';
import { sha256 } from './sha256.ts';

const ED25519 = 0x01;
const KEY_BYTES = 32;
const KEY_HASH_BYTES = 4;
const SIGNATURE_BYTES = 64;
/** A checkpoint has a few hundred bytes and a few signatures. */
const NOTE_MAX_CHARACTERS = 65_536;
const SIGNATURES_MAX = 100;

/** A public key that may sign checkpoints. */
export interface LedgerKey {
  /** The server's name. */
  readonly name: string;
  /** `<name>+<hash>+<base64>`, as the server publishes it. */
  readonly text: string;
  readonly hash: Uint8Array;
  readonly publicKey: Bytes;
}

function keyHash(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(ED25519), publicKey)).slice(0, KEY_HASH_BYTES);
}

/** Whether a text can be the name of a key: not empty, without spaces and without a plus. */
function isKeyName(name: string): boolean {
  return name !== '' && !/[\s+\u0000-\u001f]/u.test(name);
}

/** A key from its text. Throws `RushesError` when the text is not a key or was damaged. */
export function parseLedgerKey(text: string): LedgerKey {
  const match = /^(.*?)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text.trim());
  const [, name = '', hash = '', encoded = ''] = match ?? [];
  const bytes = fromBase64(encoded);
  const publicKey = bytes?.slice(1);
  if (!isKeyName(name) || publicKey?.length !== KEY_BYTES || bytes?.[0] !== ED25519) {
    throw new RushesError(
      `${JSON.stringify(text)} is not a ledger key: a key looks like rushes.example.com+1a2b3c4d+AZ…, as in /.well-known/rushes-ledger-keys.`,
    );
  }
  const expected = keyHash(name, publicKey);
  if (toHex(expected) !== hash) {
    throw new RushesError(`The ledger key ${text} was damaged: its hash should be ${toHex(expected)}.`);
  }
  return { name, text: text.trim(), hash: expected, publicKey };
}

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  readonly keyHash: Uint8Array;
  readonly signature: Bytes;
}

/** A signed note: its text and its signatures, which are not checked yet. */
export interface Note {
  /** The signed text: complete lines. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The parts of a note, or why the text is not a note. */
export function parseNote(text: string): Note | { readonly error: string } {
  if (text.length > NOTE_MAX_CHARACTERS) return { error: 'it is too long for a checkpoint' };
  const split = text.lastIndexOf('\n\n');
  if (split === -1) return { error: 'there is no empty line before its signatures' };
  if (!text.endsWith('\n')) return { error: 'its last line does not end with a line break' };
  // With control characters, a terminal could show a text that is not the signed one.
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text) || !text.isWellFormed()) {
    return { error: 'it has characters that are not allowed in a note' };
  }
  const lines = text.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) return { error: 'it has too many signatures' };
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^— (\S+) (\S+)$/u.exec(line) ?? [];
    const bytes = fromBase64(encoded);
    if (!isKeyName(name) || bytes === null || bytes.length <= KEY_HASH_BYTES) {
      return { error: 'one of its signature lines cannot be read' };
    }
    const signature = bytes.slice(KEY_HASH_BYTES);
    signatures.push({ name, keyHash: bytes.slice(0, KEY_HASH_BYTES), signature });
  }
  return { text: text.slice(0, split + 1), signatures };
}

/** Whether a trusted key signed a note, and which one. */
export type SignatureCheck =
  | { readonly state: 'good'; readonly key: LedgerKey }
  | { readonly state: 'bad'; readonly key: LedgerKey }
  | { readonly state: 'unknown_key' };

/**
 * Checks the signatures. `good`: a trusted key signed the note. `bad`: a signature has the name of a trusted key but
 * does not match.
 */
export async function checkNote(note: Note, keys: readonly LedgerKey[]): Promise<SignatureCheck> {
  let good: LedgerKey | null = null;
  const data = utf8(note.text);
  for (const { name, keyHash: hash, signature } of note.signatures) {
    for (const key of keys) {
      if (key.name !== name || !equal(key.hash, hash)) continue;
      if (!(await verifyEd25519(key.publicKey, signature, data))) return { state: 'bad', key };
      good = key;
    }
  }
  return good === null ? { state: 'unknown_key' } : { state: 'good', key: good };
}

async function verifyEd25519(publicKey: Bytes, signature: Bytes, data: Bytes): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return false;
  try {
    const key = await crypto.subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']);
    return await crypto.subtle.verify({ name: 'Ed25519' }, key, signature, data);
  } catch (cause) {
    throw new RushesError('This runtime cannot check Ed25519 signatures. Use one whose Web Crypto supports Ed25519.', {
      cause,
    });
  }
}
