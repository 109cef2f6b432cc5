/** Checks entries as they arrive (rules 1 to 7 of docs/ledger-verification.md), and builds their tree. */
import { balancesAfter, balancesBefore, checkBalances, checkMovement, NOTHING, type Balances } from './balances.ts';
import { fromBase64, isBase64Of } from './bytes.ts';
import { type ExportedEntry, type RawEntry, readEntry } from './entry.ts';
import type { LedgerRange } from './export/header.ts';
import { LeafEncoder } from './leaf.ts';
import { HASH_BYTES, subtreeHeights, TreeStack } from './merkle.ts';
import { Obligations } from './obligations.ts';
import { type LedgerProblem, problem } from './problem.ts';
import type { LedgerReport } from './report.ts';
import { sha256 } from './sha256.ts';
import { TaskIds } from './task-id.ts';

/** Root of the first `size` entries, for the requested sizes. */
type Roots = Map<number, Uint8Array | null>;

/** Checks the entries of one export, one after another, and builds their tree. */
export class EntryCheck {
  readonly #range: LedgerRange;
  readonly #tree = new TreeStack();
  readonly #encoder: LeafEncoder;
  readonly #obligations: Obligations;
  readonly #taskIds = new TaskIds();
  readonly #roots: Roots;
  readonly #totals = new Map<string, { entries: number; credits: number }>();
  #before: Balances | null = null;
  #after: Balances | null = null;
  #firstTime: string | null = null;
  #lastTime = '';
  #seq: number;
  #problems: readonly LedgerProblem[] = [];
  #edited = 0;
  /** False when the file has no more leaf hashes to continue the tree with. */
  #treeIsWhole = true;

  /** @param sizes the sizes at which the root of the tree is kept */
  constructor(accountId: string, range: LedgerRange, sizes: Iterable<number>) {
    this.#range = range;
    this.#seq = range.first - 1;
    this.#encoder = new LeafEncoder(accountId);
    this.#obligations = new Obligations(range.first);
    this.#roots = new Map(Array.from(sizes, (size) => [size, null]));
    this.#append(range.left, subtreeHeights(0, range.first - 1));
    this.#noteRoot();
  }

  get problems(): readonly LedgerProblem[] {
    return this.#problems;
  }

  /** Number of the last entry that was read. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** Root of the first `size` entries; null when this size was not requested or the root cannot be computed. */
  rootAt(size: number): Uint8Array | null {
    return this.#treeIsWhole ? (this.#roots.get(size) ?? null) : null;
  }

  /** Checks the next entry. False when checking more entries would find nothing more. */
  take(raw: RawEntry): boolean {
    if (this.#problems.length > 0) return this.#goOnWithLeafHashes(raw);
    const misplaced = this.#checkSeq(raw);
    const entry = misplaced === null ? readEntry(raw.fields, this.#taskIds) : [misplaced];
    const problems = 'length' in entry ? entry : this.#checkEntry(entry);
    if (problems.length > 0) {
      this.#problems = problems.map((each) => ({ ...each, seq: each.seq ?? this.#seq + 1, position: raw.position }));
      if (misplaced !== null) return (this.#treeIsWhole = false);
      return this.#goOnWithLeafHashes(raw);
    }
    return true;
  }

  /** The root of the whole tree, with the hashes for the entries after the range; null when it cannot be computed. */
  finish(size: number): Uint8Array | null {
    const heights = subtreeHeights(this.#range.last, size);
    if (!this.#treeIsWhole || this.#tree.size !== this.#range.last) return null;
    if (heights.length !== this.#range.right.length) return null;
    this.#append(this.#range.right, heights);
    this.#noteRoot();
    return this.#tree.root();
  }

  summary(): Pick<LedgerReport, 'range' | 'period' | 'balances' | 'totals' | 'batches'> {
    const before = this.#before ?? NOTHING;
    return {
      range: { first: this.#range.first, last: this.#seq },
      period: this.#firstTime === null ? null : { first: this.#firstTime, last: this.#lastTime },
      balances: { before, after: this.#after ?? before },
      totals: Object.fromEntries(this.#totals),
      batches: this.#obligations.batches,
    };
  }

  get edited(): number {
    return this.#edited;
  }

  #append(hashes: readonly string[], heights: readonly number[]): void {
    for (const [at, hash] of hashes.entries()) this.#tree.append(fromBase64(hash) ?? new Uint8Array(0), heights[at]);
  }

  #noteRoot(): void {
    if (this.#roots.has(this.#tree.size)) this.#roots.set(this.#tree.size, this.#tree.root());
  }

  #checkSeq({ fields: { seq } }: RawEntry): LedgerProblem | null {
    const expected = this.#seq + 1;
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq)) return null;
    if (expected > this.#range.last) {
      return problem(
        'misplaced_entry',
        `entry ${seq} comes after entry ${this.#seq}, which is the last one of this export`,
        {
          seq,
        },
      );
    }
    if (seq === expected) return null;
    if (seq === this.#seq) return problem('repeated_entry', `entry ${seq} occurs twice`, { seq });
    if (seq < expected) {
      return problem(
        'misplaced_entry',
        `entry ${seq} is repeated or in the wrong place: entry ${expected} should be here`,
        {
          seq: expected,
        },
      );
    }
    const last = seq - 1;
    const missing = last === expected ? `entry ${expected} is` : `entries ${expected} to ${last} are`;
    const message = `${missing} missing: entry ${seq} is here, but entry ${expected} should be`;
    return problem('missing_entry', message, { seq: expected, range: { first: expected, last } });
  }

  #checkEntry(entry: ExportedEntry): readonly LedgerProblem[] {
    const { seq } = entry;
    const hash = sha256(this.#encoder.hashInput(entry));
    const movement = checkMovement(entry);
    const before = this.#after ?? (seq === 1 ? NOTHING : balancesBefore(entry));
    const found: LedgerProblem[] = [...movement, ...checkBalances(entry, before)];
    if (entry.created_at < this.#lastTime) {
      const message = `created_at is ${entry.created_at}, which is before the ${this.#lastTime} of entry ${seq - 1}`;
      found.push(problem('time_runs_back', message, { seq, field: 'created_at' }));
    }
    if (found.length === 0) {
      const owed = this.#obligations.take(entry);
      if (owed !== null) found.push(owed);
    }
    if (entry.leaf_hash !== undefined && !isHashText(entry.leaf_hash, hash)) {
      found.unshift(leafProblem(seq, found));
    }
    if (found.length === 0) this.#advance(entry, hash, before);
    return found;
  }

  #advance(entry: ExportedEntry, hash: Uint8Array, before: Balances): void {
    this.#before ??= before;
    this.#after = balancesAfter(entry);
    this.#firstTime ??= entry.created_at;
    this.#lastTime = entry.created_at;
    this.#seq = entry.seq;
    const total = this.#totals.get(entry.kind);
    if (total === undefined) this.#totals.set(entry.kind, { entries: 1, credits: entry.amount });
    else {
      total.entries += 1;
      total.credits += entry.amount;
    }
    this.#tree.append(hash);
    this.#noteRoot();
  }

  /**
   * After the first wrong entry, only the leaf hashes in the file are followed, to see whether they give the signed
   * root.
   */
  #goOnWithLeafHashes({ fields }: RawEntry): boolean {
    const stated = typeof fields['leaf_hash'] === 'string' ? fromBase64(fields['leaf_hash']) : null;
    if (stated?.length !== HASH_BYTES || !this.#treeIsWhole) return (this.#treeIsWhole = false);
    const entry = readEntry(fields, this.#taskIds);
    const isEdited = 'length' in entry || !isHashText(fields['leaf_hash'], sha256(this.#encoder.hashInput(entry)));
    if (isEdited) this.#edited += 1;
    this.#seq += 1;
    this.#tree.append(stated);
    this.#noteRoot();
    return true;
  }
}

const isHashText = (value: unknown, hash: Uint8Array): boolean => typeof value === 'string' && isBase64Of(value, hash);

function leafProblem(seq: number, found: readonly LedgerProblem[]): LedgerProblem {
  const where =
    found.length === 0
      ? 'the balances fit the entries before and after, so the change is in batch_id, task_index, reason, reference, created_at or leaf_hash'
      : 'the other problems of this entry say what does not fit';
  const message = `its fields do not match its leaf_hash: something in this line was changed; ${where}`;
  return problem('leaf_hash_differs', message, { seq });
}
