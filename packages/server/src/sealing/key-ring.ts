/**
 * The keys that sign checkpoints: one file, `keys.json` of mode 0600, in the ledger key directory beside the checkpoint
 * log and outside the database. A retired key loses its private half and stays, so that what it signed can be checked.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import {
  createFileDurably,
  ensureDataDir,
  explained,
  systemErrorCode,
  writeFileDurably,
} from '../data-directory/index.ts';
import { keyId, type SigningKey, type VerifierKey } from './note.ts';
import { ExplainedError } from '../outcome/index.ts';

/** The ledger keys keep the server from starting or sealing; the message says what to do. */
export class LedgerKeysError extends ExplainedError {
  override readonly name = 'LedgerKeysError';
}

const keySchema = z.strictObject({
  public_key: z.string(),
  /** PKCS #8, base64; null once the key is retired. */
  private_key: z.string().nullable(),
  created_at: z.iso.datetime(),
  retired_at: z.iso.datetime().nullable(),
});
const fileSchema = z.strictObject({
  server_name: z.string().min(1),
  /** The last one is active. */
  keys: z.array(keySchema).min(1),
});
type KeyFile = z.infer<typeof fileSchema>;

export interface RingKey extends VerifierKey {
  readonly createdAt: Date;
}

export interface KeyRing {
  readonly serverName: string;
  readonly active: SigningKey;
  /** Every key there ever was, the active one last. */
  readonly keys: readonly RingKey[];
}

function fileOf(directory: string): string {
  return path.join(directory, 'keys.json');
}

function newKey(now: Date): KeyFile['keys'][number] {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    public_key: spki.subarray(-32).toString('base64'),
    private_key: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    created_at: now.toISOString(),
    retired_at: null,
  };
}

function serialized(content: KeyFile): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** The key file as it stands, to notice every change of it; null when there is none. */
export function readKeyText(directory: string): string | null {
  const file = fileOf(directory);
  try {
    return explained(file, () => readFileSync(file, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function readKeyFile(directory: string): KeyFile | null {
  const text = readKeyText(directory);
  return text === null ? null : parseKeyFile(directory, text);
}

function parseKeyFile(directory: string, text: string): KeyFile {
  const file = fileOf(directory);
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new LedgerKeysError(
      `${file} is damaged. Restore it from a backup: checkpoints cannot be signed without it.`,
      {
        cause: error,
      },
    );
  }
}

function toRing(directory: string, { server_name: name, keys }: KeyFile): KeyRing {
  const ring = keys.map((key): RingKey => {
    const publicKey = new Uint8Array(Buffer.from(key.public_key, 'base64'));
    return { name, id: keyId(name, publicKey), publicKey, createdAt: new Date(key.created_at) };
  });
  const active = ring.at(-1);
  const privateText = keys.at(-1)?.private_key ?? null;
  if (active === undefined || privateText === null) {
    throw new LedgerKeysError(`${fileOf(directory)} has no active key. Restore it from a backup.`);
  }
  const privateKey = createPrivateKey({ key: Buffer.from(privateText, 'base64'), format: 'der', type: 'pkcs8' });
  const derived = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32);
  if (!derived.equals(active.publicKey)) {
    throw new LedgerKeysError(
      `${fileOf(directory)} has a private key that does not match its public key. Restore it from a backup.`,
    );
  }
  return { serverName: name, active: { ...active, privateKey }, keys: ring };
}

/**
 * The keys of a directory, made when there are none; processes that start at once agree on one. The server's name is fixed
 * with the first key: the origin of every checkpoint begins with it. Throws `LedgerKeysError` or `DataDirError`.
 */
export function openKeyRing(directory: string, serverName: string, now: Date): KeyRing {
  if (readKeyFile(directory) === null) {
    ensureDataDir(directory);
    createFileDurably(fileOf(directory), serialized({ server_name: serverName, keys: [newKey(now)] }));
  }
  const ring = readKeyRing(directory);
  if (ring.serverName !== serverName) {
    throw new LedgerKeysError(
      `The ledger keys in ${directory} belong to "${ring.serverName}", but RUSHES_SERVER_NAME is "${serverName}".  ` +
        'This name is in every checkpoint that customers keep, so set RUSHES_SERVER_NAME back.',
    );
  }
  return ring;
}

/** Whether keys were ever made in this directory. */
export function hasKeyRing(directory: string): boolean {
  return readKeyFile(directory) !== null;
}

/** The keys of a text that `readKeyText` gave. Throws `LedgerKeysError`. */
export function parseKeyRing(directory: string, text: string): KeyRing {
  return toRing(directory, parseKeyFile(directory, text));
}

/** Throws `LedgerKeysError` when there are none. */
export function readKeyRing(directory: string): KeyRing {
  const content = readKeyFile(directory);
  if (content === null)
    throw new LedgerKeysError(`There are no ledger keys in ${directory}; the server makes them when it first starts.`);
  return toRing(directory, content);
}

/** Makes another key and retires the active one: from its next checkpoint on the sealer signs with the new key. */
export function rotateKey(directory: string, now: Date): KeyRing {
  const content = readKeyFile(directory);
  if (content === null)
    throw new LedgerKeysError(`There are no ledger keys in ${directory}; the server makes them when it first starts.`);
  const retired = content.keys.map((key) =>
    key.retired_at === null ? { ...key, private_key: null, retired_at: now.toISOString() } : key,
  );
  const next: KeyFile = { ...content, keys: [...retired, newKey(now)] };
  writeFileDurably(fileOf(directory), serialized(next));
  return toRing(directory, next);
}
