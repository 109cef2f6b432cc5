/**
 * The text of an API key. It begins with `rk_live_` or `rk_test_` (accounts) or `ro_` (operators). Then follow, in
 * base62, the account's uuid, the key's uuid, 32 random characters, and a CRC32 of everything before it. The checksum
 * detects a typo without a look-up and lets secret scanners recognise a leaked key. It is not a protection against
 * forgery.
 */
import { hexToUuid, uuidToBytes, type AccountUuid, type KeyUuid, type Uuid } from './ids.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = BigInt(ALPHABET.length);
/** ceil(128 / log2(62)) and ceil(32 / log2(62)). */
const UUID_CHARACTERS = 22;
const CRC_CHARACTERS = 6;
export const API_KEY_SECRET_CHARACTERS = 32;

export type ApiKeyPrefix = 'rk_live_' | 'rk_test_' | 'ro_';

export interface ParsedApiKey {
  readonly prefix: ApiKeyPrefix;
  readonly accountUuid: AccountUuid;
  readonly keyUuid: KeyUuid;
}

function toBase62(value: bigint, width: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= BASE) text = ALPHABET.charAt(Number(rest % BASE)) + text;
  return text.padStart(width, ALPHABET.charAt(0));
}

function fromBase62(text: string): bigint | null {
  let value = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    value = value * BASE + BigInt(digit);
  }
  return value;
}

function uuidToBase62(uuid: string): string {
  const hex = Array.from(uuidToBytes(uuid), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return toBase62(BigInt(`0x${hex}`), UUID_CHARACTERS);
}

function base62ToUuid<Prefix extends string>(text: string): Uuid<Prefix> | null {
  const value = fromBase62(text);
  if (value === null || value >= 1n << 128n) return null;
  return hexToUuid(value.toString(16).padStart(32, '0'));
}

/** CRC-32 as in ISO-HDLC (zlib, PNG): reflected polynomial 0xEDB88320. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Uniform base62 text from random bytes: bytes of 248 and more are skipped, since 248 = 4 * 62. */
export function randomBase62(length: number, randomBytes: (length: number) => Uint8Array): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += ALPHABET.charAt(byte % 62);
    }
  }
  return text;
}

export function formatApiKey(key: ParsedApiKey, secret: string): string {
  const body = `${key.prefix}${uuidToBase62(key.accountUuid)}${uuidToBase62(key.keyUuid)}${secret}`;
  return body + toBase62(BigInt(crc32(body)), CRC_CHARACTERS);
}

/**
 * The parts of an API key, or null when the text is mistyped, cut off or not a key. Does not check that the key exists.
 */
export function parseApiKey(text: string): ParsedApiKey | null {
  const prefix = (['rk_live_', 'rk_test_', 'ro_'] as const).find((candidate) => text.startsWith(candidate));
  if (prefix === undefined) return null;
  const length = prefix.length + 2 * UUID_CHARACTERS + API_KEY_SECRET_CHARACTERS + CRC_CHARACTERS;
  if (text.length !== length) return null;
  const body = text.slice(0, -CRC_CHARACTERS);
  if (toBase62(BigInt(crc32(body)), CRC_CHARACTERS) !== text.slice(-CRC_CHARACTERS)) return null;
  const accountUuid = base62ToUuid<'acct'>(body.slice(prefix.length, prefix.length + UUID_CHARACTERS));
  const keyUuid = base62ToUuid<'key'>(body.slice(prefix.length + UUID_CHARACTERS, prefix.length + 2 * UUID_CHARACTERS));
  if (accountUuid === null || keyUuid === null) return null;
  return { prefix, accountUuid, keyUuid };
}
