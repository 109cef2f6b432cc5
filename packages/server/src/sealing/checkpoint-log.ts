/**
 * The checkpoint log: one line of JSON for every checkpoint that was ever signed, appended and flushed to disk before the
 * checkpoint is published. It lies with the keys, outside the database, so that a database that was restored to an
 * earlier time cannot make us sign against what customers hold.
 *
 * A file that has grown large is closed under a number, and the next one begins with the last line of every account. So
 * the active file alone says behind what nothing may be signed, and opening it takes a second or two for ever.
 */
import { randomBytes } from 'node:crypto';
import { link, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { giveToDirectoryOwner, syncDirectory } from '../data-directory/index.ts';
import {
  checkpointLogFile,
  closedSegments,
  formatLine,
  readLines,
  segmentFile,
  wholeLength,
  type LoggedCheckpoint,
} from './checkpoint-lines.ts';

/** 170,000 lines or so: read in 2 s. */
const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Or else a log of very many accounts would be rotated over and over for the lines that it carries over. */
const GROWTH_BEFORE_ROTATION = 4;
const LINES_PER_WRITE = 10_000;

export interface CheckpointLogOptions {
  /** Called with each page that is read while opening, so that a lease can be renewed. Rejecting ends the opening. */
  readonly onProgress?: () => Promise<void>;
  /** What this process had open before: reading goes on where it ended when the file is still the same. */
  readonly previous?: CheckpointLog | null;
  readonly segmentBytes?: number;
}

type Heads = Map<string, LoggedCheckpoint>;

interface Opened {
  readonly handle: FileHandle;
  readonly inode: number;
  /** Up to and with the last line. */
  bytes: number;
  lines: number;
  /** Of these, those that were carried over from the file before. */
  carriedBytes: number;
}

/** The log as the sealer has it open: the last checkpoint of every account, and a way to add to them. */
export class CheckpointLog {
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #heads: Heads;
  #file: Opened;
  /** After a rotation that failed, it is tried again when the file has grown so far. */
  #rotateAtBytes = 0;

  private constructor(directory: string, segmentBytes: number, heads: Heads, file: Opened) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#heads = heads;
    this.#file = file;
  }

  /** Opens the log, made when missing, cuts off a line that a crash left half written, and reads it. */
  static async open(directory: string, options: CheckpointLogOptions = {}): Promise<CheckpointLog> {
    const { previous = null, segmentBytes = SEGMENT_BYTES, onProgress } = options;
    const name = checkpointLogFile(directory);
    const handle = await open(name, 'a+', 0o600);
    try {
      giveToDirectoryOwner(handle.fd, directory);
      const inode = (await handle.stat()).ino;
      syncDirectory(directory);
      const bytes = await wholeLength(handle);
      if ((await handle.stat()).size > bytes) await handle.truncate(bytes);
      // Lines that a killed process wrote and did not flush count as signed from here on.
      await handle.sync();
      const known = previous !== null && previous.#file.inode === inode && previous.#file.bytes <= bytes;
      const heads: Heads = known ? previous.#heads : new Map<string, LoggedCheckpoint>();
      const file: Opened = known
        ? { ...previous.#file, handle, bytes }
        : { handle, inode, bytes, lines: 0, carriedBytes: 0 };
      const from = known ? previous.#file.bytes : 0;
      for await (const page of readLines({ file: name, handle, from, to: bytes, linesBefore: file.lines })) {
        for (const line of page) advance(heads, line);
        file.lines += page.length;
        await onProgress?.();
      }
      const log = new CheckpointLog(directory, segmentBytes, heads, file);
      await log.#rotateWhenLarge(onProgress);
      return log;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The furthest checkpoint of an account. */
  head(accountId: string): LoggedCheckpoint | null {
    return this.#heads.get(accountId) ?? null;
  }

  heads(): Iterable<LoggedCheckpoint> {
    return this.#heads.values();
  }

  /** Whether somebody else wrote to the file, or put another one in its place, since it was opened. */
  async isStale(): Promise<boolean> {
    const there = await stat(checkpointLogFile(this.#directory)).catch(() => null);
    return there === null || there.ino !== this.#file.inode || there.size !== this.#file.bytes;
  }

  /** When it resolves, the lines survive a power cut. When it rejects, some of them may be in the file all the same. */
  async append(lines: readonly LoggedCheckpoint[]): Promise<void> {
    const text = Buffer.from(lines.map(formatLine).join(''));
    await this.#file.handle.appendFile(text);
    await this.#file.handle.datasync();
    this.#file.bytes += text.length;
    this.#file.lines += lines.length;
    for (const line of lines) advance(this.#heads, line);
    await this.#rotateWhenLarge(undefined);
  }

  async close(): Promise<void> {
    await this.#file.handle.close();
  }

  /** A rotation that fails leaves the log as it is: one file, which lacks nothing. */
  async #rotateWhenLarge(onProgress: CheckpointLogOptions['onProgress']): Promise<void> {
    const { bytes, carriedBytes } = this.#file;
    const large = Math.max(this.#segmentBytes, carriedBytes * GROWTH_BEFORE_ROTATION, this.#rotateAtBytes);
    if (bytes < large) return;
    this.#rotateAtBytes = bytes + this.#segmentBytes / 8;
    if (!(await this.#nameSegment())) return;
    const next = await this.#writeHeads(onProgress);
    if (next === null) return;
    const before = this.#file.handle;
    this.#file = next;
    await before.close();
  }

  /**
   * Gives the active file its number as a second name, which it keeps whatever happens: at no moment is there no active
   * file, which would count as a lost log, and none of its lines can be lost. False where a file cannot have two names: such
   * a file system keeps one log, which takes longer and longer to open.
   */
  async #nameSegment(): Promise<boolean> {
    const last = (await closedSegments(this.#directory)).at(-1);
    if (last !== undefined && (await stat(last.file)).ino === this.#file.inode) return true;
    try {
      await link(checkpointLogFile(this.#directory), segmentFile(this.#directory, (last?.number ?? 0) + 1));
    } catch {
      return false;
    }
    syncDirectory(this.#directory);
    return true;
  }

  /** Puts a file with the last line of every account in the place of the active one. Null when that was not possible. */
  async #writeHeads(onProgress: CheckpointLogOptions['onProgress']): Promise<Opened | null> {
    const name = checkpointLogFile(this.#directory);
    const temporary = `${name}.${randomBytes(6).toString('hex')}.tmp`;
    const handle = await open(temporary, 'ax+', 0o600).catch(() => null);
    if (handle === null) return null;
    try {
      giveToDirectoryOwner(handle.fd, this.#directory);
      const heads = [...this.#heads.values()];
      for (let at = 0; at < heads.length; at += LINES_PER_WRITE) {
        const page = heads.slice(at, at + LINES_PER_WRITE);
        await handle.appendFile(page.map(formatLine).join(''));
        await onProgress?.();
      }
      await handle.sync();
      const { ino, size } = await handle.stat();
      // Another sealer, which took over while this one was stopped, may have added lines that are not carried over.
      if (await this.isStale()) throw new Error('somebody else writes to the checkpoint log');
      await rename(temporary, name);
      syncDirectory(this.#directory);
      return { handle, inode: ino, bytes: size, lines: heads.length, carriedBytes: size };
    } catch {
      await handle.close();
      await unlink(temporary).catch(() => undefined);
      return null;
    }
  }
}

function advance(heads: Heads, line: LoggedCheckpoint): void {
  const before = heads.get(line.accountId);
  if (before === undefined || line.epoch > before.epoch || (line.epoch === before.epoch && line.size > before.size)) {
    heads.set(line.accountId, line);
  }
}
