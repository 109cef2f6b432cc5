import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Random, StoredVideo, VideoStorage } from '../ports.ts';

export interface FileStorage extends VideoStorage {
  /** What an unprivileged process may still write, in bytes. */
  freeBytes(): Promise<number>;
  /** Removes what crashes left of unfinished videos: temporary files last written before `cutoff`. Returns how many. */
  removeStrayTemporaryFiles(cutoff: Date): Promise<number>;
}

export interface FileStorageOptions {
  /** Made when missing. Videos and temporary files are on one file system, so that a rename is atomic. */
  readonly root: string;
  /** Names temporary files. */
  readonly random: Pick<Random, 'uuid'>;
  /** How files are opened for writing; the file system's own way when absent. */
  readonly openForWriting?: (path: string) => Promise<FileHandle>;
}

/** The content was longer than the caller allows; nothing of it was kept. */
export class VideoTooLarge extends Error {
  override readonly name = 'VideoTooLarge';
}

/** Hidden, so that no key can name it. */
const TEMPORARY_FOLDER = '.tmp';
const KEY_SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;
const MAX_KEY_CHARACTERS = 1_000;
/** Directories remembered as durable; forgetting them costs a few fsyncs. */
const MAX_REMEMBERED_DIRECTORIES = 10_000;

/**
 * Videos as files below one directory: a key is a relative path. `put` streams into a temporary file, syncs it, renames
 * it and syncs the directories, so that a key holds a whole video or nothing, power cuts included. Errors of the file
 * system (a full disk: ENOSPC) keep their `code`.
 */
export function createFileStorage(options: FileStorageOptions): FileStorage {
  const { root, random } = options;
  const temporaryFolder = join(root, TEMPORARY_FOLDER);
  const openForWriting = options.openForWriting ?? ((path: string) => open(path, 'wx', 0o600));
  const directories = new DurableDirectories(root);

  return {
    async put(key, content, contentType, maxBytes) {
      // A source that fails before it is read must not become an uncaught error event; reading it tells the failure.
      content.on('error', () => undefined);
      try {
        const path = pathOf(root, key);
        await directories.ensure(temporaryFolder);
        await directories.ensure(dirname(path));
        const temporary = join(temporaryFolder, `${random.uuid()}.part`);
        const written = await writeTemporary(temporary, content, maxBytes, openForWriting);
        try {
          await rename(temporary, path);
          await syncDirectory(dirname(path));
        } catch (error) {
          await rm(temporary, { force: true });
          throw error;
        }
        return { key, contentType, ...written };
      } finally {
        // Whatever happened, the source must not stay open, waiting to be read.
        content.destroy();
      }
    },

    async read(key, range) {
      const file = await open(pathOf(root, key), 'r');
      return file.createReadStream(range === undefined ? {} : { start: range.start, end: range.end });
    },

    async size(key) {
      try {
        const found = await stat(pathOf(root, key));
        return found.isFile() ? found.size : null;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },

    async remove(key) {
      const path = pathOf(root, key);
      try {
        await rm(path);
        await syncDirectory(dirname(path));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },

    async freeBytes() {
      await directories.ensure(root);
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize;
    },

    async removeStrayTemporaryFiles(cutoff) {
      await directories.ensure(temporaryFolder);
      let removed = 0;
      for (const name of await readdir(temporaryFolder)) {
        const path = join(temporaryFolder, name);
        try {
          if ((await stat(path)).mtimeMs >= cutoff.getTime()) continue;
          await rm(path);
          removed += 1;
        } catch (error) {
          // Finished or removed by another process meanwhile.
          if (!isMissing(error)) throw error;
        }
      }
      return removed;
    },
  };
}

/** Makes directories whose own entries survive a power cut too. */
class DurableDirectories {
  readonly #root: string;
  readonly #known = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async ensure(path: string): Promise<void> {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined && this.#known.has(path)) return;
    // One made by another process may not be on disk yet, so every one up to the root's parent is synced once.
    for (let parent = path; ; parent = dirname(parent)) {
      await syncDirectory(parent);
      if (parent === dirname(this.#root) || parent === dirname(parent)) break;
    }
    if (this.#known.size >= MAX_REMEMBERED_DIRECTORIES) this.#known.clear();
    this.#known.add(path);
  }
}

async function writeTemporary(
  path: string,
  content: Readable,
  maxBytes: number,
  openForWriting: (path: string) => Promise<FileHandle>,
): Promise<Pick<StoredVideo, 'bytes' | 'sha256'>> {
  const file = await openForWriting(path);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of content) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('a video is a stream of bytes');
      bytes += chunk.length;
      if (bytes > maxBytes) throw new VideoTooLarge(`the video is larger than ${maxBytes} bytes`);
      hash.update(chunk);
      await writeWhole(file, chunk);
    }
    await file.sync();
    await file.close();
    return { bytes, sha256: hash.digest() };
  } catch (error) {
    // The first error is the one to tell; a file that cannot be closed or removed is found by its age later.
    await file.close().catch(() => undefined);
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Throws for a key that could name anything outside the root or a hidden file. */
function pathOf(root: string, key: string): string {
  const segments = key.split('/');
  if (key.length > MAX_KEY_CHARACTERS || !segments.every((segment) => KEY_SEGMENT.test(segment))) {
    throw new Error(`"${key}" cannot be the key of a video`);
  }
  return join(root, ...segments);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
