import type { Balances } from './balances.ts';
import type { LedgerProblem } from './problem.ts';

/** The result of a verification. When `ok` is true, everything in it is proved; otherwise use only `problems`. */
export interface LedgerReport {
  readonly ok: boolean;
  /** The problems. Of the entries, only the first wrong one is reported, with all of its problems. */
  readonly problems: readonly LedgerProblem[];
  /** Things that you should know although they are not wrong. */
  readonly warnings: readonly string[];
  readonly account_id: string | null;
  readonly server_name: string | null;
  readonly epoch: number | null;
  /** The checkpoint's text, its size and the text of the key that signed it. */
  readonly checkpoint: string | null;
  readonly size: number | null;
  readonly signed_by: string | null;
  /** The entries of the export. */
  readonly range: { readonly first: number; readonly last: number } | null;
  /** Time of the first and of the last entry. */
  readonly period: { readonly first: string; readonly last: string } | null;
  readonly balances: { readonly before: Balances; readonly after: Balances };
  /** Number of entries and sum of credits by kind. */
  readonly totals: Readonly<Record<string, { readonly entries: number; readonly credits: number }>>;
  /** Number of batches whose reserve is in the range. Closed means reserve = charges + refunds + forfeits. */
  readonly batches: { readonly closed: number; readonly open: number };
  /** Kept checkpoints: how many the entries were compared with, and the largest one that agrees. */
  readonly kept: { readonly compared: number; readonly agreeing_size: number | null };
  /**
   * For an edited file: how many entries do not match their leaf hash, and whether the leaf hashes in the file give the
   * signed root. If they do, this file was edited and the ledger was not.
   */
  readonly edited: { readonly entries: number; readonly ledger_is_intact: boolean } | null;
}
