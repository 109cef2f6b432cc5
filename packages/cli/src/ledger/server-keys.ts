/** The keys that a server publishes, and which of them are trusted. */
import { type LedgerKeys, NotFoundError, type Rushes } from '@rushes/sdk';
import { ledgerKeysFrom, parseLedgerKeys } from '@rushes/sdk/ledger';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';
import { isoOf } from '../output/wording.ts';
import { pinsPath, readPins, savePin } from './pinned-keys.ts';

/** The keys that a server publishes, each one checked. */
export async function fetchKeys(client: Rushes, signal: AbortSignal): Promise<LedgerKeys> {
  const keys = ledgerKeysFrom(await client.ledger.keys({ signal }));
  parseLedgerKeys(JSON.stringify(keys));
  return keys;
}

/** The keys of `published` that are not pinned. */
export function unknownKeys(published: LedgerKeys, pinned: LedgerKeys): string[] {
  const known = new Set(pinned.keys.map(({ key }) => key));
  return published.keys.map(({ key }) => key).filter((key) => !known.has(key));
}

/**
 * Pins the keys of a server that has no pinned keys yet, and prints them. Resolves with whether there are pinned keys
 * now.
 */
export async function pinAtFirstUse(
  client: Rushes,
  output: Output,
  context: Pick<CliContext, 'environment' | 'files' | 'clock'>,
  signal: AbortSignal,
): Promise<boolean> {
  const pins = await readPins(context);
  if (pins.some(({ base_url: baseUrl }) => baseUrl === client.baseUrl)) return true;
  let keys: LedgerKeys;
  try {
    keys = await fetchKeys(client, signal);
  } catch (error) {
    // A server without keys is possible.
    if (error instanceof NotFoundError) return false;
    throw error;
  }
  await savePin(context, { ...keys, base_url: client.baseUrl, pinned_at: isoOf(context.clock.nowMs()) });
  output.note(
    [
      `Trust on first use: the ledger keys of ${keys.server_name} were fetched from ${client.baseUrl} and pinned in`,
      `${pinsPath(context)}. Compare them once with the keys that the operator gave you in another way:`,
      ...keys.keys.map(({ key, status }) => `  ${key}  (${status})`),
    ].join('\n'),
  );
  return true;
}
