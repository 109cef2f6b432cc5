import { open } from 'node:fs/promises';

/** Makes the names in a folder survive a power cut. Where the system cannot (Windows), there is nothing to do. */
export async function syncFolder(path: string): Promise<void> {
  let folder;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch {
    // Refused for folders: the names are as safe as this system makes them.
  } finally {
    await folder?.close();
  }
}
