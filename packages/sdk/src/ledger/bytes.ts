/** Base64 and hexadecimal, without `atob`, which accepts text that is not in the canonical form. */

/** Bytes that Web Crypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 0x3d;

/** The bytes of canonical base64 (RFC 4648, section 4, padded), or null for any other text. */
export function fromBase64(text: string): Bytes | null {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  // Text with spaces, missing padding or stray bits at the end decodes too, but does not encode to the same text.
  return toBase64(bytes) === text ? bytes : null;
}

/** Canonical base64 (RFC 4648, section 4, padded) of bytes. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += ALPHABET.charAt(word >> 18) + ALPHABET.charAt((word >> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((word >> 6) & 63) : '=';
    text += left > 2 ? ALPHABET.charAt(word & 63) : '=';
  }
  return text;
}

/** Whether `text` is the base64 of these bytes. Does not build the base64 text. */
export function isBase64Of(text: string, bytes: Uint8Array): boolean {
  if (text.length !== Math.ceil(bytes.length / 3) * 4) return false;
  for (let at = 0, place = 0; at < bytes.length; at += 3, place += 4) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    if (text.charCodeAt(place) !== ALPHABET.charCodeAt(word >> 18)) return false;
    if (text.charCodeAt(place + 1) !== ALPHABET.charCodeAt((word >> 12) & 63)) return false;
    if (text.charCodeAt(place + 2) !== (left > 1 ? ALPHABET.charCodeAt((word >> 6) & 63) : PADDING)) return false;
    if (text.charCodeAt(place + 3) !== (left > 2 ? ALPHABET.charCodeAt(word & 63) : PADDING)) return false;
  }
  return true;
}

/** Lower-case hexadecimal of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The parts joined, in new memory. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Whether both have the same bytes. Not for secrets, because the time it takes depends on the bytes. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** The UTF-8 bytes of text. */
export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}
