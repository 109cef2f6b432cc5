import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { csvLine } from '@rushes/contract/facts/csv';
import { syncFolder } from './sync-folder.ts';

/** One line of `manifest.csv`. */
export interface ManifestRow {
  readonly index: number;
  readonly custom_id: string | null;
  readonly status: string;
  readonly failure_type: string | null;
  /** Name of the file in the same folder; null when the folder has no video of this task. */
  readonly file: string | null;
  readonly bytes: number | null;
  /** Lower-case hex. */
  readonly sha256: string | null;
  /** Credits charged for the task. */
  readonly credits: number;
}

const COLUMNS = ['index', 'custom_id', 'status', 'failure_type', 'file', 'bytes', 'sha256', 'credits'] as const;

/** The manifest as CSV: UTF-8, CRLF (RFC 4180), one line per task in index order. */
export function manifestCsv(rows: readonly ManifestRow[]): string {
  const lines = rows.map((row) => csvLine(COLUMNS.map((column) => row[column])));
  return [csvLine(COLUMNS), ...lines].join('');
}

/** Writes the manifest completely or not at all. */
export async function writeManifest(path: string, rows: readonly ManifestRow[]): Promise<void> {
  // A unique name, because a program may download a batch to a folder twice at the same time.
  const part = `${path}.${randomUUID()}.part`;
  try {
    const file = await open(part, 'w');
    try {
      await file.writeFile(manifestCsv(rows));
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
}
