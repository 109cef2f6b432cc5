import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a file whole or not at all: under another name first, forced to the disk, then renamed. A reader never sees
 * half of it, and what was there before stays when it fails. Resolves with the number of bytes.
 */
export async function writeWholeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  mode?: number,
): Promise<number> {
  const part = `${path}.${process.pid}.part`;
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
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return length;
}

/** The rename itself survives a power cut only once the folder is on the disk; some systems cannot do that. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The file is whole in any case.
  }
}
