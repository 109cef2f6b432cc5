import { parseLedgerKeys } from '@rushes/sdk/ledger';
import type { Rushes } from '@rushes/sdk';
import { usageError, type CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { readInput } from '../input/read-input.ts';
import type { Output } from '../output/output.ts';
import { readPins } from './pinned-keys.ts';
import { pinAtFirstUse } from './server-keys.ts';

/** The keys that the command line names. */
interface NamedKeys {
  readonly keys: string | undefined;
  readonly key: readonly string[] | undefined;
}

interface TrustPlace {
  readonly context: CliContext;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** The server to ask when no key is named or pinned; without a client when there is no API key. */
  readonly server: () => Promise<{ readonly baseUrl: string; readonly client: Rushes | null }>;
}

function noKey(baseUrl: string): CliError {
  return usageError(
    'No ledger key is pinned yet. Signatures cannot be checked without a key.',
    `Name a file with --keys (the operator has it, or ${baseUrl}/.well-known/rushes-ledger-keys),`,
    'or set RUSHES_API_KEY and run "rushes ledger keys --trust" once while the server can be reached.',
  );
}

/** The keys to check signatures with: the named ones, else the pinned ones. The first use of a server pins its keys. */
export async function trustedKeys(named: NamedKeys, place: TrustPlace): Promise<string[]> {
  const { context, signal } = place;
  const given = [...(named.key ?? [])];
  if (named.keys !== undefined) {
    const { bytes } = await readInput(named.keys, context, signal);
    given.push(...parseLedgerKeys(new TextDecoder().decode(bytes)).map(({ text }) => text));
  }
  if (given.length > 0) return given;
  if ((await readPins(context)).length === 0) {
    const { baseUrl, client } = await place.server();
    const isPinned = client !== null && (await pinAtFirstUse(client, place.output, context, signal));
    if (!isPinned) throw noKey(baseUrl);
  }
  return (await readPins(context)).flatMap((pin) => pin.keys.map(({ key }) => key));
}
