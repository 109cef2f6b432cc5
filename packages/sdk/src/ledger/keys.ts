import { RushesError } from '../rushes-error.ts';
import { type LedgerKey, parseLedgerKey } from './note.ts';

/** The answer of `/.well-known/rushes-ledger-keys`: the keys that a server signs checkpoints with. */
export interface LedgerKeys {
  server_name: string;
  keys: { key: string; status: 'active' | 'retired' | (string & {}); created_at: string }[];
}

/**
 * Reads keys from their texts or from the server's document. Throws `RushesError` when the list is empty or a key is
 * damaged.
 */
export function readLedgerKeys(keys: LedgerKeys | readonly string[]): LedgerKey[] {
  const texts = 'server_name' in keys ? keys.keys.map(({ key }) => key) : keys;
  if (texts.length === 0) throw new RushesError('No ledger key is given. Signatures cannot be checked without a key.');
  const parsed = texts.map(parseLedgerKey);
  if ('server_name' in keys) {
    const foreign = parsed.find(({ name }) => name !== keys.server_name);
    if (foreign !== undefined) {
      throw new RushesError(`The keys of ${keys.server_name} include a key of another server, ${foreign.name}.`);
    }
  }
  return parsed;
}

/**
 * Reads keys from the text of a file: the server's JSON document, or one key per line with `#` comments. Throws
 * `RushesError`.
 */
export function parseLedgerKeys(text: string): LedgerKey[] {
  if (!text.trimStart().startsWith('{')) {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    return readLedgerKeys(lines.filter((line) => line !== '' && !line.startsWith('#')));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RushesError('The ledger keys start with { and are not valid JSON.', { cause });
  }
  return readLedgerKeys(ledgerKeysFrom(value));
}

/** The document, its form checked. Throws `RushesError`. */
export function ledgerKeysFrom(value: unknown): LedgerKeys {
  const { server_name: name, keys } = (value ?? {}) as Partial<Record<string, unknown>>;
  const isKey = (each: unknown): boolean =>
    typeof each === 'object' && each !== null && 'key' in each && typeof each.key === 'string';
  if (typeof name !== 'string' || !Array.isArray(keys) || !keys.every(isKey)) {
    throw new RushesError('This is not a document of ledger keys: server_name or keys is missing.');
  }
  return value as LedgerKeys;
}
