import { UnreadableExport } from './header.ts';

/** Much longer than any line of an export. */
const UNREAD_MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * A chunk is read in pieces of this size, so that not all objects made from it live at the same time. Otherwise the
 * runtime would enlarge its memory for young objects.
 */
const PIECE_LENGTH = 16 * 1024;

/** An export as chunks from a file or the network. A list with one string or buffer works too. */
export type ExportChunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** Text that arrives in chunks and is read from the front. */
export class TextBuffer {
  readonly #source: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #unread = '';
  #chunk: Uint8Array | string = '';
  /** How much of the chunk is in the text. */
  #chunkTaken = 0;
  #isFresh = true;
  #ended = false;
  /** The beginning of a character whose rest has not arrived. */
  #begun: Uint8Array = new Uint8Array(0);
  /** The line that the next bytes belong to, from 1. */
  #line = 1;
  /** Set when the next bytes are not text. The text before them is read first, so that their place can be named. */
  #isBroken = false;

  constructor(chunks: ExportChunks) {
    this.#source = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** Text that has arrived and has not been taken. */
  get text(): string {
    return this.#unread;
  }

  /** Removes `length` characters from the start. */
  take(length: number): void {
    this.#unread = this.#unread.slice(length);
  }

  /** Waits for more; false when there is none. */
  async more(): Promise<boolean> {
    if (this.#ended) return false;
    if (this.#isBroken) throw notText(this.#line);
    // A chunk may be a whole file; what is left of the ones before is at most one record.
    if (this.#unread.length > UNREAD_MAX_CHARACTERS) {
      throw new UnreadableExport('the file has a line that is too long for an export');
    }
    if (this.#chunkTaken >= this.#chunk.length) {
      const next: IteratorResult<Uint8Array | string, unknown> = await this.#source.next();
      if (next.done === true) {
        this.#ended = true;
        const rest = this.#decode(new Uint8Array(0), false);
        this.#unread += rest;
        return rest !== '';
      }
      this.#chunk = next.value;
      this.#chunkTaken = 0;
    }
    this.#unread += this.#nextPiece();
    return true;
  }

  /** As long as what is unread at least: a long record, looked through from its beginning each time, comes in few pieces. */
  #nextPiece(): string {
    const start = this.#chunkTaken;
    const end = start + Math.max(PIECE_LENGTH, this.#unread.length);
    this.#chunkTaken = end;
    const chunk = this.#chunk;
    if (typeof chunk === 'string') return this.#withoutMark(chunk.slice(start, end));
    return this.#decode(chunk.subarray(start, end), true);
  }

  /** Stops reading the source before its end. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.();
    this.#ended = true;
  }

  /** The byte order mark that some programs put in front of text. */
  #withoutMark(text: string): string {
    if (text === '' || !this.#isFresh) return text;
    this.#isFresh = false;
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  }

  #countLines(text: string): void {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#line += 1;
  }

  #decode(bytes: Uint8Array, stream: boolean): string {
    try {
      const text = this.#decoder.decode(bytes, { stream });
      this.#begun = begunIn(joined(this.#begun, bytes.subarray(-LONGEST_CHARACTER)));
      this.#countLines(text);
      return text;
    } catch {
      this.#isBroken = true;
      const text = textBeforeFault(joined(this.#begun, bytes));
      if (text === '') throw notText(this.#line);
      this.#countLines(text);
      return text;
    }
  }
}

const LONGEST_CHARACTER = 4;

function notText(line: number): UnreadableExport {
  const message = `line ${line} of the file is not UTF-8 text: the file was damaged, or it is not an export`;
  return new UnreadableExport(message, { position: line });
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The bytes of a character at the end of which some are missing (RFC 3629, section 3). */
function begunIn(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back < LONGEST_CHARACTER && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0x80 && byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.slice(-back) : new Uint8Array(0);
  }
  return new Uint8Array(0);
}

/** As much of the bytes as is text; found by halves, since the platform does not say where it stopped. */
function textBeforeFault(bytes: Uint8Array): string {
  const decoded = (length: number): string | null => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length), {
        stream: true,
      });
    } catch {
      return null;
    }
  };
  let good = 0;
  for (let bad = bytes.length; bad - good > 1;) {
    const middle = Math.floor((good + bad) / 2);
    if (decoded(middle) === null) bad = middle;
    else good = middle;
  }
  return decoded(good) ?? '';
}
