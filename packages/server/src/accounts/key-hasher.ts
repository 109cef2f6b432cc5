import { createHmac, timingSafeEqual } from 'node:crypto';

/** Makes the stored hash of an API key, and compares keys with it. */
export interface KeyHasher {
  hash(text: string): Uint8Array;
  /** Compares in a time that does not depend on where the texts differ. */
  matches(text: string, storedHash: Uint8Array): boolean;
}

/**
 * A hasher with HMAC-SHA256 over the whole text. A slow password hash is not needed, because a key has 190 random bits.
 * The HMAC key is not in the database, so a stolen database is not enough to check a guess.
 */
export function createKeyHasher(subkey: Uint8Array): KeyHasher {
  const hash = (text: string): Uint8Array => createHmac('sha256', subkey).update(text, 'utf8').digest();
  return {
    hash,
    matches(text, storedHash) {
      const presented = hash(text);
      return presented.length === storedHash.length && timingSafeEqual(presented, storedHash);
    },
  };
}
