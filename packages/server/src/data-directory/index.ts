/**
 * The data directory and files in it that survive a power cut. Secrets live here, so every file is mode 0600, and as
 * root every file belongs to the directory's owner: `sudo rushes-server account create` must not lock its owner out.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { ExplainedError } from '../outcome/index.ts';

/** Something about the data directory keeps us from working; the message says what and what to do next. */
export class DataDirError extends ExplainedError {
  override readonly name = 'DataDirError';
}

/** The `code` of a Node system error, or '' for anything else. */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** True when this process runs as root and can therefore give files away. False on Windows. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Makes the data directory, or a directory inside it, with its parents. As root the mode is 0711: Postgres runs as
 * another user and has to pass through, without listing. Throws DataDirError.
 */
export function ensureDataDir(directory: string): void {
  const made = makeDirectory(directory, isRoot() ? 0o711 : 0o700);
  if (!isRoot()) return;
  for (const one of made) {
    // Below somebody's own directory the new one is theirs; below a system directory it is root's anyway.
    const { uid, gid } = statSync(path.dirname(one));
    chownSync(one, uid, gid);
  }
}

/** Makes a directory and its parents, each with exactly this mode whatever the umask. What it made, outermost first. */
export function makeDirectory(directory: string, mode: number): string[] {
  const firstMade = explained(directory, () => mkdirSync(directory, { recursive: true, mode }));
  const made: string[] = [];
  if (firstMade === undefined) return made;
  for (let one = path.resolve(directory); one.length >= firstMade.length; one = path.dirname(one)) made.unshift(one);
  for (const one of made) chmodSync(one, mode);
  return made;
}

/** Replaces `file` whole or not at all; when it returns, the content survives a power cut. Throws DataDirError. */
export function writeFileDurably(file: string, content: string): void {
  explained(file, () => {
    const temporary = writeTemporary(file, content);
    try {
      renameSync(temporary, file);
    } catch (error) {
      unlinkSync(temporary);
      throw error;
    }
    syncDirectory(path.dirname(file));
  });
}

/**
 * Like `writeFileDurably`, but the first writer wins: false when the file was there already, untouched. Two processes
 * that start at once therefore agree on one content.
 */
export function createFileDurably(file: string, content: string): boolean {
  return explained(file, () => {
    const temporary = writeTemporary(file, content);
    try {
      linkSync(temporary, file);
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      unlinkSync(temporary);
    }
    syncDirectory(path.dirname(file));
    return true;
  });
}

function writeTemporary(file: string, content: string): string {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    giveToDirectoryOwner(descriptor, path.dirname(file));
    writeSync(descriptor, content);
    fsyncSync(descriptor);
  } catch (error) {
    closeSync(descriptor);
    unlinkSync(temporary);
    throw error;
  }
  closeSync(descriptor);
  return temporary;
}

/** As root, hands an open file to whoever owns the directory that it is in. */
export function giveToDirectoryOwner(descriptor: number, directory: string): void {
  if (!isRoot()) return;
  const { uid, gid } = statSync(directory);
  fchownSync(descriptor, uid, gid);
}

/** Makes a rename, a link or a removal in `directory` survive a power cut. */
export function syncDirectory(directory: string): void {
  // Windows cannot open a directory; NTFS journals the rename itself.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space or set RUSHES_DATA_DIR to a directory on another disk',
  EDQUOT: 'the disk quota is used up: free some space or set RUSHES_DATA_DIR to a directory on another disk',
  EROFS: 'the file system is read-only: set RUSHES_DATA_DIR to a directory that can be written',
  EACCES: 'permission denied: run as the user who owns it, or set RUSHES_DATA_DIR to a directory of your own',
  EPERM: 'operation not permitted: run as the user who owns it, or set RUSHES_DATA_DIR to a directory of your own',
  EEXIST: 'there is a file where a directory is needed: move the file or set RUSHES_DATA_DIR to another directory',
  ENOTDIR: 'there is a file where a directory is needed: move the file or set RUSHES_DATA_DIR to another directory',
};

/** Runs a file operation and turns the system errors an operator can cure into a DataDirError about `file`. */
export function explained<T>(file: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const advice = ADVICE[systemErrorCode(error)];
    if (advice === undefined) throw error;
    throw new DataDirError(`cannot use ${file}: ${advice}`, { cause: error });
  }
}
