import { isUtf8 } from 'node:buffer';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

const CHARSETS: Readonly<Record<string, Encoding>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'utf-8',
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
};

function byteOrderMark(body: Uint8Array): Encoding | null {
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) return 'utf-8';
  if (body[0] === 0xff && body[1] === 0xfe) return 'utf-16le';
  if (body[0] === 0xfe && body[1] === 0xff) return 'utf-16be';
  return null;
}

/**
 * The text of a body: UTF-8, or UTF-16 when a byte order mark or the charset says so. The mark is removed. Bytes that
 * are not valid in their encoding are refused and never replaced, because a replaced character would change the prompt.
 */
export function decodeBody(body: Uint8Array, charset: string | null): Outcome<string> {
  const named = charset === null || charset === 'utf-16' ? null : CHARSETS[charset];
  if (named === undefined) {
    return refuse({
      code: 'unsupported_media_type',
      detail: `The charset ${JSON.stringify(charset)} is not supported. Send UTF-8, or UTF-16 with a byte order mark.`,
    });
  }
  const encoding = byteOrderMark(body) ?? named ?? 'utf-8';
  if (encoding === 'utf-8') {
    if (!isUtf8(body)) {
      return refuseBytes('UTF-8', firstInvalidUtf8(body), 'Save the file as UTF-8 and send it again.');
    }
    return accept(new TextDecoder('utf-8').decode(body));
  }
  const invalid = firstInvalidUtf16(body, encoding === 'utf-16be');
  if (invalid !== null)
    return refuseBytes('UTF-16', invalid, 'The text was cut off or is in another encoding. Send it as UTF-8.');
  return accept(new TextDecoder(encoding).decode(body));
}

function refuseBytes(encoding: string, offset: number, advice: string): Outcome<string> {
  return refuse({
    code: 'invalid_request',
    detail: `The body is not valid ${encoding} at byte ${offset} (counted from 0). ${advice}`,
  });
}

/** Offset of the first byte that begins no well-formed sequence (Unicode, table 3-7). */
function firstInvalidUtf8(body: Uint8Array): number {
  let at = 0;
  while (at < body.length) {
    const length = sequenceLength(body, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

function sequenceLength(body: Uint8Array, at: number): number {
  const lead = body[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  for (let offset = 1; offset < length; offset += 1) {
    const byte = body[at + offset] ?? 0;
    if (byte < 0x80 || byte > 0xbf) return 0;
  }
  // Overlong forms, surrogates and what lies past U+10FFFF show in the second byte.
  const second = body[at + 1] ?? 0;
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  return length;
}

function firstInvalidUtf16(body: Uint8Array, bigEndian: boolean): number | null {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const whole = body.length - (body.length % 2);
  for (let at = 0; at < whole; at += 2) {
    const unit = view.getUint16(at, !bigEndian);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = at + 2 < whole ? view.getUint16(at + 2, !bigEndian) : 0;
    if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) return at;
    at += 2;
  }
  return whole === body.length ? null : whole;
}
