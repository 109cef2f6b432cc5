import { RushesError } from '../rushes-error.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { checkNote } from './note.ts';
import { type LedgerKeys, readLedgerKeys } from './keys.ts';

/** Whose ledger a checkpoint is of. */
export interface LedgerName {
  readonly serverName: string;
  readonly accountId: string;
}

/** A checkpoint in a store. */
export interface KeptCheckpoint {
  /** The checkpoint's text. */
  readonly checkpoint: string;
  /** RFC 3339. */
  readonly kept_at: string;
  /**
   * Whether the entries under it were checked when it was kept; one that came with a webhook was only seen. Both are
   * held against every later export; but only a checked one of a later epoch says that this epoch was accepted.
   */
  readonly checked: boolean;
}

/**
 * The customer's memory: whoever holds the server's key can sign a rewritten history, and only a checkpoint that was
 * kept outside the server shows it. Nothing that was kept may be forgotten.
 */
export interface CheckpointStore {
  /** Everything that was kept of a ledger. */
  read(ledger: LedgerName): Promise<readonly KeptCheckpoint[]>;
  /** Adds one; when this resolves it must be safe. */
  keep(ledger: LedgerName, kept: KeptCheckpoint): Promise<void>;
}

/** A store that lasts as long as the program: for tests, or in front of a database of your own. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #kept = new Map<string, KeptCheckpoint[]>();

  read({ serverName, accountId }: LedgerName): Promise<readonly KeptCheckpoint[]> {
    return Promise.resolve([...(this.#kept.get(`${serverName} ${accountId}`) ?? [])]);
  }

  keep({ serverName, accountId }: LedgerName, kept: KeptCheckpoint): Promise<void> {
    const name = `${serverName} ${accountId}`;
    this.#kept.set(name, [...(this.#kept.get(name) ?? []), kept]);
    return Promise.resolve();
  }
}

/**
 * Keeps a checkpoint that came by itself, such as the one in a final `batch.*` webhook, after checking its signature:
 * the next `verifyLedger` with this store demands that the ledger agrees with it. Throws `RushesError` when it is not
 * signed by one of the keys.
 */
export async function keepCheckpoint(
  text: string,
  options: { readonly store: CheckpointStore; readonly keys: LedgerKeys | readonly string[]; readonly keptAt?: Date },
): Promise<Checkpoint> {
  const checkpoint = parseCheckpoint(text);
  if ('error' in checkpoint) throw new RushesError(`This is not a checkpoint: ${checkpoint.error}.`);
  const check = await checkNote(checkpoint.note, readLedgerKeys(options.keys));
  if (check.state !== 'good') {
    throw new RushesError(
      `The checkpoint of ${checkpoint.origin} is not signed by a key that you trust; it was not kept.`,
    );
  }
  const kept_at = (options.keptAt ?? new Date()).toISOString();
  const known = await options.store.read(checkpoint);
  if (!known.some((each) => each.checkpoint === text)) {
    await options.store.keep(checkpoint, { checkpoint: text, kept_at, checked: false });
  }
  return checkpoint;
}
