/** Keys that were decided to be trusted, kept beside the user's settings. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LedgerKeys } from '@rushes/sdk';
import { ledgerKeysFrom, parseLedgerKeys } from '@rushes/sdk/ledger';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { writeWholeFile } from '../output/whole-file.ts';
import { userFilePath } from '../settings/setting-files.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/** The keys of one server, and when they were pinned. */
export interface Pin extends LedgerKeys {
  base_url: string;
  pinned_at: string;
}

/** Where checkpoints and keys are kept: worth a backup. */
export function ledgerFolder(environment: Environment): string {
  return join(dirname(userFilePath(environment)), 'ledger');
}

export function pinsPath(environment: Environment): string {
  return join(ledgerFolder(environment), 'keys.json');
}

function isPin(value: unknown): value is Pin {
  const { base_url: baseUrl, pinned_at: pinnedAt } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof baseUrl !== 'string' || typeof pinnedAt !== 'string') return false;
  parseLedgerKeys(JSON.stringify(ledgerKeysFrom(value)));
  return true;
}

export async function readPins(environment: Environment): Promise<Pin[]> {
  const path = pinsPath(environment);
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!Array.isArray(value) || !value.every(isPin)) throw new Error('it is no list of pinned keys');
    return value;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('invalid_settings', `${path}: ${why}`, {
      exitCode: EXIT.usage,
      advice: ['Take the file from a backup, or remove it and run "rushes ledger keys --trust".'],
      cause: error,
    });
  }
}

/** Adds the keys of a server, or replaces those that were pinned for it. */
export async function savePin(environment: Environment, pin: Pin): Promise<void> {
  const others = (await readPins(environment)).filter(({ base_url: baseUrl }) => baseUrl !== pin.base_url);
  const path = pinsPath(environment);
  await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
  const text = `${JSON.stringify([...others, pin], null, 2)}\n`;
  await writeWholeFile(path, [new TextEncoder().encode(text)], OWNER_ONLY_FILE);
}
