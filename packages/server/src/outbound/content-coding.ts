import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

interface Coding {
  unpack(packed: Uint8Array, maxBytes: number): Promise<Buffer>;
  stream(): Duplex;
}

const gunzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate);
const brotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

const GZIP: Coding = {
  unpack: (packed, maxOutputLength) => gunzip(packed, { maxOutputLength }),
  stream: () => zlib.createGunzip(),
};

/** RFC 9110, section 8.4.1. */
const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', GZIP],
  ['x-gzip', GZIP],
  [
    'deflate',
    { unpack: (packed, maxOutputLength) => inflate(packed, { maxOutputLength }), stream: () => zlib.createInflate() },
  ],
  [
    'br',
    {
      unpack: (packed, maxOutputLength) => brotli(packed, { maxOutputLength }),
      stream: () => zlib.createBrotliDecompress(),
    },
  ],
]);

/** The codings to undo, the last one first. What is not known is left for the reader to stumble over. */
function codingsOf(contentEncoding: string | undefined): Coding[] {
  const names = (contentEncoding ?? '').split(',').map((name) => name.trim().toLowerCase());
  const codings = names.map((name) => CODINGS.get(name)).filter((coding) => coding !== undefined);
  // More than one is not seen in practice, and each multiplies what a few bytes can unpack to.
  return codings.length > 1 ? [] : codings;
}

/**
 * Unpacks a body that a peer packed although it was asked not to: a submission whose answer cannot be read has an unknown
 * outcome and may have to be paid for twice. What does not unpack is given back as it came, since the label may be what is wrong.
 * Rejects with a RangeError past `maxBytes`.
 */
export async function decodeBody(body: Buffer, contentEncoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const [coding] = codingsOf(contentEncoding);
  if (coding === undefined) return body;
  try {
    return await coding.unpack(body, maxBytes);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return body;
  }
}

/** The same for a stream; its reader bounds it. */
export function decodingStreams(contentEncoding: string | undefined): Duplex[] {
  return codingsOf(contentEncoding).map((coding) => coding.stream());
}
