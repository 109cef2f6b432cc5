import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DownloadError } from '../errors.ts';
import { RushesError } from '../rushes-error.ts';
import type { VideoLink } from '../types.ts';
import type { TaskWithVideo, VideoChunk, VideoStreamOptions } from '../video-stream.ts';
import { type NamedTask, videoFileName } from './file-names.ts';
import { syncFolder } from './sync-folder.ts';

/** The client that a download needs: a `Rushes`, or an object with the same method. */
export interface VideoClient {
  readonly videos: {
    stream(task: TaskWithVideo, options?: VideoStreamOptions): AsyncIterable<VideoChunk>;
  };
}

/** Settings of one download. */
export interface DownloadVideoOptions {
  /** A link that you have already, such as one from `batches.results`. The default is a new link. */
  link?: VideoLink | null;
  /** Stops the download with `AbortError`. The bytes that arrived are kept and used the next time. */
  signal?: AbortSignal;
  /** Called when bytes are written, with the number of bytes that the file has so far. */
  onProgress?: (bytes: number, totalBytes: number) => void;
}

/** A downloaded video. */
export interface DownloadedVideo {
  /** Where the file is. */
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** True when the complete file, with the right SHA-256, was there before. */
  readonly alreadyPresent: boolean;
}

interface Expected {
  readonly bytes: number;
  readonly sha256: string;
}

const READ_BYTES = 256 * 1024;

function expectedOf(task: TaskWithVideo): Expected {
  if (task.video === null) throw new RushesError(`${task.id} has no video: only tasks that succeeded have one.`);
  const { bytes, sha256 } = task.video;
  // The digest becomes part of a file name, so it is checked.
  if (!Number.isSafeInteger(bytes) || bytes < 0 || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new RushesError(`${task.id}: the server gave an invalid size or SHA-256 for its video.`);
  }
  return { bytes, sha256 };
}

/** Adds the first `limit` bytes of a file to `hash`. Resolves with how many there were. */
async function hashFile(file: FileHandle, hash: Hash, limit: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let position = 0;
  while (position < limit) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, limit - position), position);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return position;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Whether a file has exactly the expected bytes. */
async function isWhole(path: string, expected: Expected): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  try {
    if ((await file.stat()).size !== expected.bytes) return false;
    const hash = createHash('sha256');
    await hashFile(file, hash, expected.bytes);
    return hash.digest('hex') === expected.sha256;
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/**
 * Downloads the rest of `file`. Resolves with the digest of its bytes, and whether all of them were downloaded just
 * now.
 */
async function fill(
  client: VideoClient,
  task: TaskWithVideo,
  file: FileHandle,
  expected: Expected,
  options: DownloadVideoOptions,
): Promise<{ sha256: string; allNew: boolean }> {
  let hash = createHash('sha256');
  let position = await hashFile(file, hash, expected.bytes);
  let allNew = position === 0;
  options.onProgress?.(position, expected.bytes);
  const { link = null, signal } = options;
  const stream = client.videos.stream(task, { from: position, link, ...(signal === undefined ? {} : { signal }) });
  for await (const { offset, bytes } of stream) {
    if (offset !== position) {
      hash = createHash('sha256');
      position = 0;
      allNew = true;
    }
    await writeAll(file, bytes, offset);
    hash.update(bytes);
    position = offset + bytes.length;
    options.onProgress?.(position, expected.bytes);
  }
  return { sha256: hash.digest('hex'), allNew };
}

/**
 * Downloads the video of a task to `path`. Until the file is complete and checked, it has another name, which includes
 * the digest of the video. So a later call resumes this video and never continues another one. Every write has a fixed
 * position, so two processes that download the same video write the same bytes.
 */
async function fetchTo(
  client: VideoClient,
  task: TaskWithVideo,
  path: string,
  expected: Expected,
  options: DownloadVideoOptions,
): Promise<void> {
  const part = `${path}.${expected.sha256.slice(0, 12)}.part`;
  for (;;) {
    const file = await open(part, constants.O_RDWR | constants.O_CREAT, 0o666);
    let got: { sha256: string; allNew: boolean };
    try {
      got = await fill(client, task, file, expected, options);
      if (got.sha256 === expected.sha256) {
        await file.truncate(expected.bytes);
        await file.sync();
      }
    } finally {
      await file.close();
    }
    if (got.sha256 === expected.sha256) break;
    // Bytes from an earlier run may be damaged, for example by a power cut. Then the download starts again.
    await rm(part, { force: true });
    if (got.allNew) {
      throw new DownloadError(
        `The downloaded video of ${task.id} has the SHA-256 ${got.sha256} instead of ${expected.sha256}. It was not kept. Try again.`,
      );
    }
  }
  try {
    await rename(part, path);
  } catch (error) {
    // Another process may have finished the same file first.
    if (!isMissing(error) || !(await isWhole(path, expected))) throw error;
  }
  await syncFolder(dirname(path));
}

async function resolveTarget(target: string, task: NamedTask): Promise<string> {
  if (/[/\\]$/.test(target)) return join(target, videoFileName(task));
  const found = await stat(target).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  return found?.isDirectory() === true ? join(target, videoFileName(task)) : target;
}

/** The same as `downloadVideo`, to exactly this path. */
export async function downloadVideoTo(
  client: VideoClient,
  task: TaskWithVideo,
  path: string,
  options: DownloadVideoOptions = {},
): Promise<DownloadedVideo> {
  const expected = expectedOf(task);
  await mkdir(dirname(path), { recursive: true });
  const alreadyPresent = await isWhole(path, expected);
  if (!alreadyPresent) await fetchTo(client, task, path, expected, options);
  return { path, ...expected, alreadyPresent };
}

/**
 * Stores the video of a task as a file. The download is streamed, resumed after an interruption, and checked by
 * SHA-256; the file has its name only when it is complete. See `Videos.download`. Errors of the file system are passed
 * on (`ENOSPC`, `EACCES`).
 */
export async function downloadVideo(
  client: VideoClient,
  task: TaskWithVideo & NamedTask,
  target: string,
  options: DownloadVideoOptions = {},
): Promise<DownloadedVideo> {
  return downloadVideoTo(client, task, await resolveTarget(target, task), options);
}
