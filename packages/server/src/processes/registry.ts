/**
 * Who works on this data directory: `<data-dir>/processes/<worker id>.json`, mode 0600, one file per running process.
 * A file whose process is dead names leases that can be voided at once instead of being waited out.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { ensureDataDir, explained, systemErrorCode, writeFileDurably } from '../data-directory/index.ts';
import { identitySchema, thisPlace, thisProcess, type ProcessIdentity } from './identity.ts';
import { isDead } from './verdict.ts';

export interface RegisteredProcess {
  /** Removes the registration: a clean end, after leases were given back. Idempotent. */
  release(): void;
}

export interface DeadProcess extends ProcessIdentity {
  readonly workerId: string;
  readonly registeredAt: string;
  /** Its registration, for `forget`. */
  readonly file: string;
}

const recordSchema = identitySchema.extend({ format: z.literal(1), workerId: z.string(), registeredAt: z.string() });

/** Also keeps the id from leaving the folder. */
const WORKER_ID = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * Announces this process. Call before the first lease is taken under `workerId`, which no other process ever uses.
 * Throws DataDirError when the directory cannot be written.
 */
export function registerProcess(dataDir: string, { workerId }: { readonly workerId: string }): RegisteredProcess {
  if (!WORKER_ID.test(workerId))
    throw new TypeError(`worker id ${JSON.stringify(workerId)} must match ${String(WORKER_ID)}`);
  const folder = processesFolder(dataDir);
  ensureDataDir(folder);
  const file = path.join(folder, `${workerId}.json`);
  const record: z.infer<typeof recordSchema> = {
    format: 1,
    workerId,
    registeredAt: new Date().toISOString(),
    ...thisProcess(),
  };
  writeFileDurably(file, `${JSON.stringify(record)}\n`);
  return {
    release: () => {
      rmSync(file, { force: true });
    },
  };
}

/** Registered processes that are dead for certain. Void their leases, then `forget` each. */
export async function findDeadProcesses(dataDir: string): Promise<DeadProcess[]> {
  const here = thisPlace();
  const folder = processesFolder(dataDir);
  return registrations(folder).flatMap((name) => {
    const file = path.join(folder, name);
    const record = readRecord(file);
    // The name counts: a copied or renamed file must not void another worker's leases.
    if (record === null || `${record.workerId}.json` !== name || !isDead(record, here)) return [];
    const { format: _, ...process } = record;
    return [{ ...process, file }];
  });
}

/** Removes a dead process's registration, once nothing of it is left to void. Idempotent. */
export async function forget(dead: DeadProcess): Promise<void> {
  rmSync(dead.file, { force: true });
}

function processesFolder(dataDir: string): string {
  return path.join(dataDir, 'processes');
}

function registrations(folder: string): string[] {
  try {
    return explained(folder, () => readdirSync(folder)).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Null for one that vanished meanwhile or that we cannot read or understand: its leases run out by themselves. */
function readRecord(file: string): z.infer<typeof recordSchema> | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
