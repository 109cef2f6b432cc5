/** The 32-byte key that API keys are hashed with and signed links are signed with. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createFileDurably, DataDirError, ensureDataDir, explained, systemErrorCode } from '../data-directory/index.ts';

export const SECRET_KEY_BYTES = 32;

/** Base64 or base64url, padded or not. Null when it is anything but 32 bytes of it. */
export function parseSecretKey(text: string): Uint8Array | null {
  // 43 characters carry 32 bytes; Buffer would skip over anything that is not base64 instead of refusing it.
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === SECRET_KEY_BYTES ? new Uint8Array(bytes) : null;
}

/**
 * The key kept in `<data-dir>/secret-key`, mode 0600, made when missing; processes that start at once agree on one.
 * For development: in production the operator keeps the key, so that it does not share a disk with what it protects.
 * Throws DataDirError.
 */
export function loadOrCreateSecretKey(dataDir: string): Uint8Array {
  const file = path.join(dataDir, 'secret-key');
  const text = readIfThere(file) ?? createKey(dataDir, file);
  const key = parseSecretKey(text.trim());
  if (key === null) {
    throw new DataDirError(
      `${file} is damaged: it must have ${String(SECRET_KEY_BYTES)} bytes as base64. Put back the right key. If you remove the file, the next start creates  ` +
        'a new key, and all existing API keys stop working.',
    );
  }
  return key;
}

function createKey(dataDir: string, file: string): string {
  ensureDataDir(dataDir);
  createFileDurably(file, `${randomBytes(SECRET_KEY_BYTES).toString('base64')}\n`);
  return explained(file, () => readFileSync(file, 'utf8'));
}

function readIfThere(file: string): string | null {
  try {
    return explained(file, () => readFileSync(file, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
