import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

const NEWLINE = 0x0a;
const READ_CHUNK_BYTES = 256 * 1024;

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * An append-only file of lines that survives SIGKILL and power cuts: `append` resolves only after fdatasync. Lines
 * that arrive while a sync runs go out together with the next one, so their number per second is not bound by the disk.
 */
export class Journal {
  readonly #file: FileHandle;
  readonly #path: string;
  #bytes: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | null = null;
  #broken: Error | null = null;

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.#path = path;
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Opens or creates the file and reports every whole line. A torn last line was never confirmed and is cut off. */
  static async open(path: string, onLine: (line: string) => void): Promise<Journal> {
    const file = await open(path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      const whole = await readLines(path, size, onLine);
      if (whole < size) {
        await file.truncate(whole);
        await file.datasync();
      }
      return new Journal(path, file, whole);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  append(line: string): Promise<void> {
    if (this.#broken !== null) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Every confirmed line, oldest first. */
  async *lines(): AsyncGenerator<string> {
    const end = this.#bytes;
    if (end === 0) return;
    let rest = '';
    for await (const chunk of createReadStream(this.#path, {
      end: end - 1,
      encoding: 'utf8',
      highWaterMark: READ_CHUNK_BYTES,
    })) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
  }

  /** Writes what is waiting, then closes. */
  async close(): Promise<void> {
    await this.#flushing;
    this.#broken ??= new Error('the journal is closed');
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    // Lets the submissions of this turn of the event loop join the first write.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const bytes = Buffer.from(batch.map(({ line }) => `${line}\n`).join(''));
        await this.#write(bytes);
        this.#bytes += bytes.length;
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failure = error instanceof Error ? error : new Error('the journal could not be written');
        for (const { reject } of batch) reject(failure);
      }
    }
    this.#flushing = null;
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#broken !== null) throw this.#broken;
    if ((await this.#file.stat()).size !== this.#bytes) {
      this.#broken = new Error(`another process writes to ${this.#path}: give each simulator a directory of its own`);
      throw this.#broken;
    }
    try {
      for (let written = 0; written < bytes.length;) {
        written += (await this.#file.write(bytes, written)).bytesWritten;
      }
      await this.#file.datasync();
    } catch (error) {
      await this.#undo(error);
      throw error;
    }
  }

  /** After a full disk the file must end at the last confirmed line again, or the next line would grow onto a torn one. */
  async #undo(cause: unknown): Promise<void> {
    try {
      await this.#file.truncate(this.#bytes);
      await this.#file.datasync();
    } catch {
      this.#broken = new Error('the journal is in an unknown state: restart the simulator', { cause });
    }
  }
}

/** Reports whole lines among the first `size` bytes and returns how many bytes they take. */
async function readLines(path: string, size: number, onLine: (line: string) => void): Promise<number> {
  if (size === 0) return 0;
  let whole = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: READ_CHUNK_BYTES })) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a file without an encoding reads as buffers');
    rest = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, start)) {
      onLine(rest.toString('utf8', start, end));
      start = end + 1;
    }
    whole += start;
    rest = rest.subarray(start);
  }
  return whole;
}
