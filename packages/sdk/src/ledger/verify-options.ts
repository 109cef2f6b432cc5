import type { CheckpointStore } from './checkpoint-store.ts';
import type { ExportedEntry } from './entry.ts';
import type { EpochEnd, LedgerRange } from './export/header.ts';
import type { LedgerKeys } from './keys.ts';

/** Settings of a verification. */
export interface VerifyOptions {
  /** Keys that you trust: their texts, or the server's document as you fetched it once. */
  readonly keys: LedgerKeys | readonly string[];
  /** The account whose ledger it must be. */
  readonly accountId?: string;
  /** Texts of earlier checkpoints that the ledger must agree with. */
  readonly previousCheckpoint?: string | readonly string[];
  /** Where checkpoints are kept. The ledger must agree with all of them; its own is added when nothing is wrong. */
  readonly store?: CheckpointStore;
  /** Accepts that the server opened this epoch: differences from what you kept of earlier epochs are then warnings. */
  readonly acceptEpoch?: number;
  /** The time that is written beside a checkpoint when it is kept; the system's clock when left out. */
  readonly now?: () => Date;
}

/** Entries and the checkpoint that they are verified against. */
export interface VerifyLedgerOptions extends VerifyOptions {
  /** All entries up to the checkpoint, oldest first, or those of `range`. */
  readonly entries: AsyncIterable<ExportedEntry> | Iterable<ExportedEntry>;
  /** The checkpoint's text. */
  readonly checkpoint: string;
  /** Left out: all entries. */
  readonly range?: LedgerRange;
  /** Ends of the epochs before that of the checkpoint; none when left out. */
  readonly previousEpochs?: readonly EpochEnd[];
}
