import { createHmac, timingSafeEqual } from 'node:crypto';

/** Turns the text of an API key into what is stored of it, and compares. */
export interface KeyHasher {
  hash(text: string): Uint8Array;
  /** Takes the same time wherever the difference is. */
  matches(text: string, storedHash: Uint8Array): boolean;
}

/**
 * HMAC-SHA256 of the whole text. A slow password hash is not needed: a key has 190 random bits. The HMAC key is not in
 * the database, so that a stolen database does not even allow a guess to be checked.
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
