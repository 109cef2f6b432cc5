import { RushesError } from '../rushes-error.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { checkNote } from './note.ts';
import { type LedgerKeys, readLedgerKeys } from './keys.ts';

/** The ledger that a checkpoint belongs to. */
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
   * True when the entries under the checkpoint were verified when it was kept. False for a checkpoint that came with a
   * webhook. Later exports are compared with both; but only a verified checkpoint of a later epoch means that you
   * accepted that epoch.
   */
  readonly checked: boolean;
}

/**
 * Where you keep the checkpoints that you have seen. The owner of the server's key could sign a rewritten history, and
 * only a checkpoint that was kept outside the server can show this. So a store must never lose a checkpoint.
 */
export interface CheckpointStore {
  /** All kept checkpoints of a ledger. */
  read(ledger: LedgerName): Promise<readonly KeptCheckpoint[]>;
  /** Adds a checkpoint. When this resolves, the checkpoint must be stored safely. */
  keep(ledger: LedgerName, kept: KeptCheckpoint): Promise<void>;
}

/** A store in memory, which lasts as long as the program. For tests, or as a cache for your own database. */
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
 * Checks the signature of a checkpoint, such as the one in a final `batch.*` webhook, and adds it to the store. Every
 * later `verifyLedger` with this store then checks that the ledger agrees with it. Throws `RushesError` when it is not
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
      `The checkpoint of ${checkpoint.origin} is not signed by a key that you trust. It was not kept.`,
    );
  }
  const kept_at = (options.keptAt ?? new Date()).toISOString();
  const known = await options.store.read(checkpoint);
  if (!known.some((each) => each.checkpoint === text)) {
    await options.store.keep(checkpoint, { checkpoint: text, kept_at, checked: false });
  }
  return checkpoint;
}
