import { UnreadableExport } from './header.ts';

/** No line of an export is nearly as long. */
const UNREAD_MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * A chunk is read in pieces, or all that is made of it lives at once: what a young generation keeps through a collection
 * is what makes the runtime enlarge it.
 */
const PIECE_LENGTH = 16 * 1024;

export type ExportChunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** Text that arrives in chunks and is read from the front. */
export class TextBuffer {
  readonly #source: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #unread = '';
  #chunk: Uint8Array | string = '';
  /** Of the chunk, what is in the text. */
  #chunkTaken = 0;
  #isFresh = true;
  #ended = false;

  constructor(chunks: ExportChunks) {
    this.#source = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** What has arrived and was not taken. */
  get text(): string {
    return this.#unread;
  }

  /** Takes `length` characters off the front. */
  take(length: number): void {
    this.#unread = this.#unread.slice(length);
  }

  /** Waits for more; false when there is none. */
  async more(): Promise<boolean> {
    if (this.#ended) return false;
    // A chunk may be a whole file; what is left of the ones before is at most one record.
    if (this.#unread.length > UNREAD_MAX_CHARACTERS) {
      throw new UnreadableExport('the file has a line that is longer than any of an export');
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

  /** Lets go of the source before its end. */
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

  #decode(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.#decoder.decode(bytes, { stream });
    } catch {
      throw new UnreadableExport('the file is not UTF-8 text; its bytes were changed, or it is no export');
    }
  }
}
