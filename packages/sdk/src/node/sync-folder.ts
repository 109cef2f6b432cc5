import { open } from 'node:fs/promises';

/**
 * Flushes a folder to the disk, so that the names in it survive a power cut. Does nothing on systems that cannot do
 * this (Windows).
 */
export async function syncFolder(path: string): Promise<void> {
  let folder;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch {
    // This system cannot flush folders.
  } finally {
    await folder?.close();
  }
}
