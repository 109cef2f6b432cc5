import { ITEM_LIMITS } from '@rushes/contract/facts/item-limits';
import { RushesError } from './rushes-error.ts';

/**
 * A text to upload: a string, bytes, a Blob or File, a web stream, a Node stream, or any iterable of strings or bytes.
 * Bytes are sent as they are (UTF-8, or UTF-16 with a byte order mark).
 */
export type UploadSource =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>;

const MAX_BYTES = ITEM_LIMITS.bodyMaxBytes;

function tooLarge(): RushesError {
  return new RushesError(`The upload is larger than ${MAX_BYTES / 1024 / 1024} MiB. Split it into several batches.`);
}

function encode(text: string): Uint8Array {
  // TextEncoder would turn it into U+FFFD and the video would be made of another prompt than the caller's.
  if (/\p{Surrogate}/u.test(text)) {
    throw new RushesError(
      'The upload has half of a surrogate pair, which cannot be encoded: the text was cut inside a character.',
    );
  }
  return new TextEncoder().encode(text);
}

type Chunks = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

async function* chunksOf(source: Chunks): AsyncGenerator<unknown, void, undefined> {
  // Not every runtime can iterate a web stream.
  if (!('getReader' in source)) {
    yield* source;
    return;
  }
  const reader = source.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}

async function collect(source: Chunks): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  let half = '';
  for await (const chunk of chunksOf(source)) {
    let bytes: Uint8Array;
    if (typeof chunk === 'string') {
      // A pair may be split over two chunks; its first half waits for the second.
      const text = half + chunk;
      const last = text.charCodeAt(text.length - 1);
      half = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : '';
      bytes = encode(half === '' ? text : text.slice(0, -1));
    } else if (chunk instanceof Uint8Array) {
      bytes = chunk;
    } else {
      throw new RushesError('The upload contains something that is neither text nor bytes.');
    }
    size += bytes.length;
    if (size > MAX_BYTES) throw tooLarge();
    parts.push(bytes);
  }
  parts.push(encode(half));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

/**
 * Reads the whole upload into memory, so that every attempt of a call can send it. Throws `RushesError` above 48 MiB,
 * the server's limit, and stops reading.
 */
export async function readUpload(source: UploadSource): Promise<Uint8Array> {
  let bytes: Uint8Array;
  if (typeof source === 'string') bytes = encode(source);
  else if (source instanceof Uint8Array) bytes = source;
  else if (source instanceof ArrayBuffer) bytes = new Uint8Array(source);
  else if (source instanceof Blob) {
    if (source.size > MAX_BYTES) throw tooLarge();
    bytes = new Uint8Array(await source.arrayBuffer());
  } else if (typeof source === 'object' && source !== null) bytes = await collect(source);
  else throw new RushesError(`The upload is ${typeof source}. Give text, bytes, a Blob or a stream.`);
  if (bytes.length > MAX_BYTES) throw tooLarge();
  return bytes;
}
