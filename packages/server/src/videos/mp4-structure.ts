import { Transform, type TransformCallback } from 'node:stream';
import { HttpFailure } from '../ports.ts';

/** The file is cut off, or something else begins where a part of it should: an exchange without a usable answer. */
function broken(what: string): HttpFailure {
  return new HttpFailure('no_answer', `the file is broken: ${what}`);
}

/** The boxes that stand side by side in a file (ISO/IEC 14496-12, table 1; `wide` and `pnot` are QuickTime's). */
const TOP_LEVEL_BOXES: ReadonlySet<string> = new Set([
  ...['ftyp', 'styp', 'moov', 'moof', 'mdat', 'mfra', 'free', 'skip', 'wide', 'meta', 'udta', 'uuid'],
  ...['sidx', 'ssix', 'pdin', 'prft', 'emsg', 'pnot'],
]);
const HEADER_BYTES = 8;
const LONG_HEADER_BYTES = 16;

/**
 * Passes an MP4 file on and fails at its end when a box of it is not there to its last byte, when media lack their index
 * (`moov`), or when text follows: a connection that closes early is the end of a file to HTTP/1.0, and an error page behind
 * the first bytes is no video. What it does not know it lets pass: a new kind of box is no reason to throw a paid video away.
 */
export class Mp4Structure extends Transform {
  readonly #seen = new Set<string>();
  #header = Buffer.alloc(0);
  /** Bytes of the present box that are still to come. */
  #left = 0;
  /** Whether the next box is where it is looked for. */
  #follows = true;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#read(chunk);
      done(null, chunk);
    } catch (error) {
      done(error instanceof Error ? error : broken('unreadable'));
    }
  }

  override _flush(done: TransformCallback): void {
    const has = (type: string): boolean => this.#seen.has(type);
    if (this.#follows && this.#left > 0) done(broken(`the file ends ${this.#left} bytes too early`));
    else if (this.#follows && has('moov') !== (has('mdat') || has('moof'))) done(broken('a part is missing'));
    else done();
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (this.#follows && at < chunk.length) {
      const skipped = Math.min(this.#left, chunk.length - at);
      this.#left -= skipped;
      at += skipped;
      if (at === chunk.length) return;
      const missing = this.#headerBytes() - this.#header.length;
      this.#header = Buffer.concat([this.#header, chunk.subarray(at, at + missing)]);
      at += Math.min(missing, chunk.length - at);
      if (this.#header.length >= HEADER_BYTES && this.#header.length === this.#headerBytes()) this.#begin();
    }
  }

  #headerBytes(): number {
    const isLong = this.#header.length >= HEADER_BYTES && this.#header.readUInt32BE(0) === 1;
    return isLong ? LONG_HEADER_BYTES : HEADER_BYTES;
  }

  #begin(): void {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    const type = header.toString('latin1', 4, 8);
    if (!TOP_LEVEL_BOXES.has(type)) {
      // What is no MP4 file from the start is not judged here.
      if (this.#seen.size > 0 && /^\s*<[!a-z?]/i.test(header.toString('latin1')))
        throw broken('text follows where a box should');
      this.#follows = false;
      return;
    }
    this.#seen.add(type);
    const size = header.length === LONG_HEADER_BYTES ? Number(header.readBigUInt64BE(8)) : header.readUInt32BE(0);
    // Zero: to the end of the file.
    if (size === 0) this.#follows = false;
    else if (size < header.length) throw broken(`a box of ${size} bytes`);
    else this.#left = size - header.length;
  }
}
