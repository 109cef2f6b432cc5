import { createReadStream } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

interface Place {
  /** The folder in which the command was started. Relative paths begin here. */
  readonly folder: string;
  /** The user's home folder. */
  readonly home: string;
  /** Different in every process, so that two processes never write to the same unfinished file. */
  readonly runId: string;
  /** False on Windows, where the mode of a file has no meaning. */
  readonly hasModes: boolean;
}

/** The files of the machine. A relative path begins in the folder in which the command was started. */
export class Files {
  readonly folder: string;
  readonly home: string;
  readonly #runId: string;
  readonly #hasModes: boolean;

  constructor(place: Place) {
    this.folder = place.folder;
    this.home = place.home;
    this.#runId = place.runId;
    this.#hasModes = place.hasModes;
  }

  /** The absolute path, for code that does not know the folder. */
  path(path: string): string {
    return resolve(this.folder, path);
  }

  /** Reads a whole file as UTF-8 text. */
  async text(path: string): Promise<string> {
    return readFile(this.path(path), 'utf8');
  }

  /** Reads a file piece by piece. */
  stream(path: string): Readable {
    return createReadStream(this.path(path));
  }

  /** Whether there is something at this path. */
  async exists(path: string): Promise<boolean> {
    return access(this.path(path)).then(
      () => true,
      () => false,
    );
  }

  /** Whether anybody but the owner may read or write the file. */
  async isOpenToOthers(path: string): Promise<boolean> {
    if (!this.#hasModes) return false;
    const { mode } = await stat(this.path(path));
    return (mode & 0o077) !== 0;
  }

  /** Writes a file that only its owner can read. Throws when the file exists already. */
  async writeNew(path: string, text: string): Promise<void> {
    await writeFile(this.path(path), text, { mode: OWNER_ONLY_FILE, flag: 'wx' });
  }

  /** Writes a whole file that only its owner can read. A missing folder is created, for the owner alone. */
  async writePrivate(path: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(path)), { recursive: true, mode: OWNER_ONLY_FOLDER });
    await this.writeWhole(path, [new TextEncoder().encode(text)], OWNER_ONLY_FILE);
  }

  /**
   * Writes a file completely or not at all: first under another name, then flushed to the disk, then renamed. A reader
   * never sees half of the file, and when writing fails the old file stays. Resolves with the number of bytes.
   */
  async writeWhole(
    path: string,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    mode?: number,
  ): Promise<number> {
    const target = this.path(path);
    const part = `${target}.${this.#runId}.part`;
    let length = 0;
    try {
      const file = await open(part, 'w', mode);
      try {
        for await (const chunk of chunks) {
          await file.writeFile(chunk);
          length += chunk.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, target);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    await syncFolder(dirname(target));
    return length;
  }
}

/**
 * Flushes the folder to the disk, because only then does the rename survive a power cut. Some systems cannot do that.
 */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The file itself is complete in any case.
  }
}
