import { NOTHING } from './balances.ts';
import { equal, toBase64 } from './bytes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { CheckpointCheck } from './checkpoint-check.ts';
import { EntryCheck } from './entry-check.ts';
import type { RawEntry } from './entry.ts';
import type { ExportHeader } from './export/header.ts';
import { Findings } from './findings.ts';
import { KeptCheckpoints } from './kept-checkpoints.ts';
import { readLedgerKeys } from './keys.ts';
import type { LedgerKey } from './note.ts';
import type { LedgerProblem } from './problem.ts';
import type { LedgerReport } from './report.ts';
import type { VerifyOptions } from './verify-options.ts';

/** One verification of an export, from its header to the report. */
export class Verification {
  readonly #options: VerifyOptions;
  readonly #findings = new Findings();
  readonly #checkpoints: CheckpointCheck;
  #header: ExportHeader | null = null;
  #checkpoint: Checkpoint | null = null;
  #signedBy: LedgerKey | null = null;
  #kept: KeptCheckpoints | null = null;
  #entries: EntryCheck | null = null;
  #brokeOff = false;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#checkpoints = new CheckpointCheck(readLedgerKeys(options.keys), this.#findings);
  }

  /** Checks the header. False when the entries cannot be checked. */
  async begin(header: ExportHeader): Promise<boolean> {
    this.#header = header;
    const { accountId } = this.#options;
    if (accountId !== undefined && accountId !== header.accountId) {
      this.#findings.add('wrong_account', `the export is of account ${header.accountId}, not of ${accountId}`);
    }
    if (header.checkpoint === null) {
      this.#findings.add(
        'no_checkpoint',
        'this ledger has no checkpoint yet, so nothing can be checked; export it again later',
      );
      return false;
    }
    const checkpoint = await this.#checkpoints.checkpoint(header.checkpoint, 'the checkpoint', header.accountId);
    if (checkpoint === null) return false;
    this.#checkpoint = checkpoint.parsed;
    this.#signedBy = checkpoint.key;
    await this.#checkpoints.epochs(header.previousEpochs, checkpoint.parsed);
    if (header.range.last > checkpoint.parsed.size) {
      const { last } = header.range;
      this.#findings.add(
        'not_an_export',
        `the range ends at entry ${last}, but the checkpoint covers only ${checkpoint.parsed.size} entries`,
      );
      return false;
    }
    const kept = await this.#checkpoints.earlier(this.#options, checkpoint.parsed);
    this.#kept = new KeptCheckpoints(kept, checkpoint.parsed, this.#options.acceptEpoch ?? 1);
    this.#entries = new EntryCheck(header.accountId, header.range, this.#kept.sizes());
    return true;
  }

  /** Checks the next entries. False when checking more entries would find nothing more. */
  takeAll(raw: readonly RawEntry[]): boolean {
    for (const each of raw) if (this.#entries?.take(each) === false) return false;
    return true;
  }

  /** Records that the export cannot be read any further. */
  breakOff(found: LedgerProblem): void {
    this.#brokeOff = true;
    this.#findings.problems.push(found);
  }

  /** Makes the report, and keeps the checkpoint when nothing is wrong. */
  async finish(): Promise<LedgerReport> {
    const entries = this.#entries;
    const intact = entries === null ? null : this.#checkTree(entries);
    const comparison = this.#compareKept(intact === true);
    if (this.#findings.problems.length === 0 && comparison?.isPartial === false) await this.#keep();
    const edited = entries === null || entries.edited === 0 ? null : entries.edited;
    const nothing = { range: null, period: null, balances: { before: NOTHING, after: NOTHING }, totals: {} };
    return {
      ok: this.#findings.problems.length === 0,
      problems: this.#findings.problems,
      warnings: this.#findings.warnings,
      account_id: this.#header?.accountId ?? null,
      server_name: this.#checkpoint?.serverName ?? null,
      epoch: this.#checkpoint?.epoch ?? null,
      checkpoint: this.#checkpoint?.text ?? null,
      size: this.#checkpoint?.size ?? null,
      signed_by: this.#signedBy?.text ?? null,
      ...(entries?.summary() ?? { ...nothing, batches: { closed: 0, open: 0 } }),
      kept: { compared: comparison?.compared ?? 0, agreeing_size: comparison?.agreeingSize ?? null },
      edited: edited === null ? null : { entries: edited, ledger_is_intact: intact === true },
    };
  }

  /** Whether the tree of the entries, or of the leaf hashes in the file, has the signed root. */
  #checkTree(entries: EntryCheck): boolean | null {
    const { range } = this.#header ?? {};
    if (this.#checkpoint === null || range === undefined || this.#brokeOff) {
      // Problems before the place where reading ended come first.
      this.#findings.problems.unshift(...entries.problems);
      return null;
    }
    const { size, root } = this.#checkpoint;
    const ownRoot = entries.finish(size);
    const isSame = ownRoot !== null && equal(ownRoot, root);
    if (entries.problems.length > 0) {
      this.#findings.problems.push(...entries.problems);
      if (isSame && entries.edited > 0) {
        this.#findings.warnings.push(
          'the leaf hashes in this file give the signed root, so this file was edited and the ledger was not',
        );
      } else if (isSame) {
        this.#findings.warnings.push(
          'this entry is exactly what the server signed, so the ledger itself breaks its rules',
        );
      }
      return isSame;
    }
    if (entries.lastSeq < range.last) {
      const first = entries.lastSeq + 1;
      const message = `the export ends at entry ${entries.lastSeq}; entries ${first} to ${range.last} are missing`;
      this.#findings.add('entries_missing', message, { seq: first, range: { first, last: range.last } });
      return false;
    }
    if (!isSame) this.#addRootProblem(ownRoot, entries);
    return isSame;
  }

  #addRootProblem(ownRoot: Uint8Array | null, entries: EntryCheck): void {
    if (this.#checkpoint === null || this.#kept === null || this.#header === null) return;
    const { range } = this.#header;
    const { agreeingSize } = this.#kept.compare((size) => entries.rootAt(size), range.last);
    const first = Math.max(range.first, Math.min(agreeingSize ?? 0, range.last) + 1);
    const among = { first: Math.min(first, range.last), last: range.last };
    const found = ownRoot === null ? 'cannot be computed' : toBase64(ownRoot);
    const message = `the entries agree with each other, but they are not the signed ones: their root is ${found}, and the checkpoint's is ${toBase64(this.#checkpoint.root)}. An entry from ${among.first} to ${among.last} was changed together with its leaf_hash, or the hashes of the range were changed`;
    this.#findings.add('root_differs', message, { range: among });
  }

  #compareKept(isIntact: boolean): ReturnType<KeptCheckpoints['compare']> | null {
    const entries = this.#entries;
    if (this.#kept === null || entries === null || this.#header === null) return null;
    const comparison = this.#kept.compare((size) => entries.rootAt(size), this.#header.range.last);
    // Nothing more can be said about entries that are not the signed ones.
    const found = comparison.problems.filter(({ code }) => isIntact || code === 'rolled_back');
    this.#findings.problems.push(...found);
    this.#findings.warnings.push(...comparison.warnings);
    return comparison;
  }

  async #keep(): Promise<void> {
    const { store, now } = this.#options;
    if (store === undefined || this.#checkpoint === null || this.#kept?.knows(this.#checkpoint.text) === true) return;
    const kept_at = (now?.() ?? new Date()).toISOString();
    await store.keep(this.#checkpoint, { checkpoint: this.#checkpoint.text, kept_at, checked: true });
  }
}
