import type { Balances } from './balances.ts';
import type { LedgerProblem } from './problem.ts';

/** The result of a verification. When `ok` is true, all of it is proved; otherwise only `problems` counts. */
export interface LedgerReport {
  readonly ok: boolean;
  /** What is wrong; of the entries only the first wrong one is named, with all that is wrong about it. */
  readonly problems: readonly LedgerProblem[];
  /** What a reader should know although it is not wrong. */
  readonly warnings: readonly string[];
  readonly account_id: string | null;
  readonly server_name: string | null;
  readonly epoch: number | null;
  /** The checkpoint's text, its size and the text of the key that signed it. */
  readonly checkpoint: string | null;
  readonly size: number | null;
  readonly signed_by: string | null;
  /** The entries that were there. */
  readonly range: { readonly first: number; readonly last: number } | null;
  /** Time of the first and of the last entry. */
  readonly period: { readonly first: string; readonly last: string } | null;
  readonly balances: { readonly before: Balances; readonly after: Balances };
  /** Entries and credits by kind. */
  readonly totals: Readonly<Record<string, { readonly entries: number; readonly credits: number }>>;
  /** Batches whose reserve is in the range: closed means reserve = charges + refunds + forfeits. */
  readonly batches: { readonly closed: number; readonly open: number };
  /** Checkpoints kept from earlier: how many the entries were held against, and the largest that agrees. */
  readonly kept: { readonly compared: number; readonly agreeing_size: number | null };
  /**
   * For an edited file: how many entries are not those of their leaf hash, and whether the file's own leaf hashes
   * give the signed root, which shows that this file was edited and the ledger was not.
   */
  readonly edited: { readonly entries: number; readonly ledger_is_intact: boolean } | null;
}
