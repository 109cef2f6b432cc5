/** Checkpoints (c2sp.org/tlog-checkpoint) as signed notes (c2sp.org/signed-note) with Ed25519. */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

const ED25519_ALGORITHM = 0x01;
const PUBLIC_KEY_BYTES = 32;
/** DER of an Ed25519 SubjectPublicKeyInfo without its last 32 bytes, the key itself (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** A key that checks notes. */
export interface VerifierKey {
  /** The server name. */
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly publicKey: Uint8Array;
}

/** A key that signs them. */
export interface SigningKey extends VerifierKey {
  readonly privateKey: KeyObject;
}

/** The first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key), as hexadecimal digits. */
export function keyId(name: string, publicKey: Uint8Array): string {
  const hash = createHash('sha256').update(`${name}\n`).update(Buffer.of(ED25519_ALGORITHM)).update(publicKey);
  return hash.digest('hex').slice(0, 8);
}

/** The key as text: `<name>+<key id>+<base64 of 0x01 || public key>`. */
export function formatVerifierKey({ name, id, publicKey }: VerifierKey): string {
  return `${name}+${id}+${Buffer.concat([Buffer.of(ED25519_ALGORITHM), publicKey]).toString('base64')}`;
}

/** Null for anything but an Ed25519 key whose id is right. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const [, name = '', id = '', base64 = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 1 + PUBLIC_KEY_BYTES || bytes[0] !== ED25519_ALGORITHM) return null;
  const publicKey = new Uint8Array(bytes.subarray(1));
  return keyId(name, publicKey) === id ? { name, id, publicKey } : null;
}

function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** The signed note of a checkpoint. */
export function signCheckpoint(checkpoint: Checkpoint, key: SigningKey): string {
  const text = checkpointText(checkpoint);
  const signature = sign(null, Buffer.from(text), key.privateKey);
  const tagged = Buffer.concat([Buffer.from(key.id, 'hex'), signature]).toString('base64');
  return `${text}\n\u2014 ${key.name} ${tagged}\n`;
}

const NOTE =
  /^(?<origin>[^\n]+)\n(?<size>0|[1-9]\d{0,15})\n(?<root>[A-Za-z0-9+/]{43}=)\n\n\u2014 (?<name>[^ \n]+) (?<signature>[A-Za-z0-9+/]+=*)\n$/u;

/** What a note of ours says, unchecked; null for text that is none. */
export function parseCheckpoint(note: string): Checkpoint | null {
  const { origin, size, root } = NOTE.exec(note)?.groups ?? {};
  if (origin === undefined || size === undefined || root === undefined) return null;
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
}

/** Whether one of these keys signed the note. */
export function isSignedBy(note: string, keys: readonly VerifierKey[]): boolean {
  const checkpoint = parseCheckpoint(note);
  const { name, signature } = NOTE.exec(note)?.groups ?? {};
  if (checkpoint === null || signature === undefined) return false;
  const bytes = Buffer.from(signature, 'base64');
  const id = bytes.subarray(0, 4).toString('hex');
  const key = keys.find((candidate) => candidate.name === name && candidate.id === id);
  if (key === undefined) return false;
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key.publicKey]), format: 'der', type: 'spki' });
  return verify(null, Buffer.from(checkpointText(checkpoint)), publicKey, bytes.subarray(4));
}
