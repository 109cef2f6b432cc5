/** The ledger keys that the user trusts ("pinned"), kept beside the user's settings. */
import { dirname, join } from 'node:path';
import type { LedgerKeys } from '@rushes/sdk';
import { ledgerKeysFrom, parseLedgerKeys } from '@rushes/sdk/ledger';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { type SettingsPlace, userFilePath } from '../settings/setting-files.ts';

/** The keys of one server, and when they were pinned. */
export interface Pin extends LedgerKeys {
  base_url: string;
  pinned_at: string;
}

/** The folder of the kept checkpoints and keys. It should be in a backup. */
export function ledgerFolder(place: SettingsPlace): string {
  return join(dirname(userFilePath(place)), 'ledger');
}

/** The file of the pinned keys. */
export function pinsPath(place: SettingsPlace): string {
  return join(ledgerFolder(place), 'keys.json');
}

function isPin(value: unknown): value is Pin {
  const { base_url: baseUrl, pinned_at: pinnedAt } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof baseUrl !== 'string' || typeof pinnedAt !== 'string') return false;
  parseLedgerKeys(JSON.stringify(ledgerKeysFrom(value)));
  return true;
}

/**
 * The pinned keys of every server; an empty list when there is no file yet. Throws `CliError` for a file that cannot be
 * used.
 */
export async function readPins(place: SettingsPlace): Promise<Pin[]> {
  const path = pinsPath(place);
  try {
    const value: unknown = JSON.parse(await place.files.text(path));
    if (!Array.isArray(value) || !value.every(isPin)) throw new Error('it is not a list of pinned keys');
    return value;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('invalid_settings', `${path}: ${why}`, {
      exitCode: EXIT.usage,
      advice: ['Restore the file from a backup, or remove it and run "rushes ledger keys --trust".'],
      cause: error,
    });
  }
}

/** Adds the keys of a server, or replaces those that were pinned for it. */
export async function savePin(place: SettingsPlace, pin: Pin): Promise<void> {
  const others = (await readPins(place)).filter(({ base_url: baseUrl }) => baseUrl !== pin.base_url);
  await place.files.writePrivate(pinsPath(place), `${JSON.stringify([...others, pin], null, 2)}\n`);
}
