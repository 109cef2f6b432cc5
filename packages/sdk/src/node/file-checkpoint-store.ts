import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CheckpointStore, KeptCheckpoint, LedgerName } from '../ledger/checkpoint-store.ts';
import { parseCheckpoint } from '../ledger/checkpoint.ts';
import { RushesError } from '../rushes-error.ts';

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/**
 * A name as one part of a path that works on every system. Other characters, and a dot at the start, become `%` and
 * hexadecimal digits.
 */
function pathPart(name: string): string {
  const escape = (character: string): string =>
    Array.from(new TextEncoder().encode(character), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  return name.replaceAll(/[^A-Za-z0-9._-]/gu, escape).replace(/^\./, '%2e');
}

function readLine(line: string): KeptCheckpoint | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const { checkpoint, kept_at: keptAt, checked } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof checkpoint !== 'string' || typeof keptAt !== 'string' || typeof checked !== 'boolean') return null;
  return 'error' in parseCheckpoint(checkpoint) ? null : { checkpoint, kept_at: keptAt, checked };
}

/**
 * Keeps checkpoints in the files `<folder>/<server>/<account>.jsonl`, one per line. Lines are only added, never
 * changed. Back up the folder: it is your proof that history was not rewritten.
 */
export class FileCheckpointStore implements CheckpointStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * All kept checkpoints of a ledger. Throws `RushesError` when a line cannot be read, because a kept checkpoint must
   * not be lost unnoticed.
   */
  async read(ledger: LedgerName): Promise<readonly KeptCheckpoint[]> {
    const path = this.#path(ledger);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
    const lines = text.split('\n');
    // A power cut may leave half of the last line. That checkpoint was not yet reported as kept.
    lines.pop();
    return lines.map((line, at) => {
      const kept = readLine(line);
      if (kept !== null) return kept;
      throw new RushesError(`${path}: line ${at + 1} is not a kept checkpoint. Restore the file from a backup.`);
    });
  }

  async keep(ledger: LedgerName, kept: KeptCheckpoint): Promise<void> {
    const path = this.#path(ledger);
    await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
    const file = await open(path, 'a+', OWNER_ONLY_FILE);
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      // Half a line after a power cut. That checkpoint was never reported as kept.
      if (size > 0 && last.toString() !== '\n') await file.truncate(await lastLineEnd(path));
      await file.appendFile(`${JSON.stringify(kept)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #path({ serverName, accountId }: LedgerName): string {
    return join(this.folder, pathPart(serverName), `${pathPart(accountId)}.jsonl`);
  }
}

async function lastLineEnd(path: string): Promise<number> {
  return (await readFile(path)).lastIndexOf(0x0a) + 1;
}
