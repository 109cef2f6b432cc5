import type { CheckpointStore } from './checkpoint-store.ts';
import type { ExportedEntry } from './entry.ts';
import type { EpochEnd, LedgerRange } from './export/header.ts';
import type { LedgerKeys } from './keys.ts';

/** Settings of a verification. */
export interface VerifyOptions {
  /** The keys that you trust: their texts, or the server's document that you fetched earlier. */
  readonly keys: LedgerKeys | readonly string[];
  /** The account that the ledger must belong to. */
  readonly accountId?: string;
  /** Texts of earlier checkpoints that the ledger must agree with. */
  readonly previousCheckpoint?: string | readonly string[];
  /**
   * Where you keep checkpoints. The ledger must agree with all of them. Its own checkpoint is added when nothing is
   * wrong.
   */
  readonly store?: CheckpointStore;
  /**
   * Accept that the server opened this epoch. Differences from kept checkpoints of earlier epochs are then warnings.
   */
  readonly acceptEpoch?: number;
  /** The time that is stored with a kept checkpoint. The default is the system's clock. */
  readonly now?: () => Date;
}

/** Entries, and the checkpoint to verify them against. */
export interface VerifyLedgerOptions extends VerifyOptions {
  /** All entries up to the checkpoint, oldest first, or those of `range`. */
  readonly entries: AsyncIterable<ExportedEntry> | Iterable<ExportedEntry>;
  /** The checkpoint's text. */
  readonly checkpoint: string;
  /** The part of the ledger that the entries cover. The default is all entries. */
  readonly range?: LedgerRange;
  /** Ends of the epochs before the checkpoint's epoch. The default is none. */
  readonly previousEpochs?: readonly EpochEnd[];
}
