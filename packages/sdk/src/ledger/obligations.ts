/**
 * Checks entries against the earlier entries that they refer to: batches, tasks, reversals, references (rules 6 and 7
 * of docs/ledger-verification.md).
 */
import type { LedgerEntry } from '../types.ts';
import { copyOf } from './copy-of.ts';
import { type LedgerProblem, problem, quote } from './problem.ts';

interface Hold {
  readonly reserved: number;
  open: number;
  /**
   * One bit for each resolved task; null when nothing of the batch is open, because then every further resolution is
   * wrong.
   */
  tasks: Uint8Array | null;
}

const FIRST_TASKS = 128;
const PAGE_ENTRIES = 8_192;

/** Sets a bit; false when it was set. Grows by doubling. */
function setBit(hold: Hold, bits: Uint8Array, index: number): boolean {
  let grown = bits;
  const byte = index >>> 3;
  if (byte >= grown.length) {
    grown = new Uint8Array(Math.max(grown.length * 2, byte + 1));
    grown.set(bits);
    hold.tasks = grown;
  }
  const mask = 1 << (index & 7);
  const before = grown[byte] ?? 0;
  grown[byte] = before | mask;
  return (before & mask) === 0;
}

/** Compares each entry with the earlier entries that it refers to. */
export class Obligations {
  readonly #firstSeq: number;
  readonly #holds = new Map<string, Hold>();
  readonly #references = new Set<string>();
  /**
   * How much of each entry in the range can still be reversed, by its number. In pages, because one large array would
   * be copied each time it grows.
   */
  readonly #reversible: Float64Array[] = [];
  #openBatches = 0;

  /** @param firstSeq number of the first entry; entries before it are not known */
  constructor(firstSeq: number) {
    this.#firstSeq = firstSeq;
  }

  get batches(): { readonly closed: number; readonly open: number } {
    return { closed: this.#holds.size - this.#openBatches, open: this.#openBatches };
  }

  /**
   * Takes the next entry, or says what is wrong with it. Call it only for an entry whose movement and balances are
   * right.
   */
  take(entry: LedgerEntry): LedgerProblem | null {
    switch (entry.kind) {
      case 'purchase':
      case 'grant':
        return this.#takeIssue(entry);
      case 'reserve':
        return this.#takeReserve(entry);
      case 'charge':
      case 'refund':
      case 'forfeit':
        return this.#takeResolution(entry);
      case 'reversal':
        return this.#takeReversal(entry);
      default:
        return null;
    }
  }

  #takeIssue({ seq, reference, kind }: LedgerEntry): LedgerProblem | null {
    if (reference === null) return null;
    if (!this.#references.has(reference)) {
      this.#references.add(copyOf(reference));
      return null;
    }
    const message = `there is an earlier ${kind} with the reference ${quote(reference)}; a reference can be used only once`;
    return problem('reference_repeated', message, { seq, field: 'reference' });
  }

  #takeReserve({ seq, amount, batch_id: batchId }: LedgerEntry): LedgerProblem | null {
    if (batchId === null) return null;
    if (this.#holds.has(batchId)) {
      return problem(
        'second_reserve',
        `there is an earlier reserve of batch ${batchId}; a batch is reserved only once`,
        {
          seq,
          field: 'batch_id',
        },
      );
    }
    this.#holds.set(copyOf(batchId), { reserved: amount, open: amount, tasks: new Uint8Array(FIRST_TASKS / 8) });
    this.#openBatches += 1;
    return null;
  }

  #takeResolution(entry: LedgerEntry): LedgerProblem | null {
    const { seq, kind, amount, batch_id: batchId, task_index: index } = entry;
    if (batchId === null || index === null) return null;
    const hold = this.#holds.get(batchId);
    if (hold === undefined) {
      // The reserve may be before the first entry of this export.
      if (this.#firstSeq > 1) {
        if (kind !== 'refund') this.#noteReversible(seq, amount);
        return null;
      }
      return problem('no_reserve', `it is a ${kind} of batch ${batchId}, but nothing was reserved for this batch`, {
        seq,
        field: 'batch_id',
      });
    }
    if (hold.tasks !== null && !setBit(hold, hold.tasks, index)) {
      const message = `task ${index} of batch ${batchId} was charged, refunded or forfeited earlier; this happens only once`;
      return problem('task_resolved_twice', message, { seq, field: 'task_index' });
    }
    if (amount > hold.open) {
      const used = hold.reserved - hold.open;
      const message = `it is a ${kind} of ${amount} for batch ${batchId}, which has used ${used} of its ${hold.reserved} reserved credits: reserve = charges + refunds + forfeits would not be true`;
      return problem('reserve_exceeded', message, { seq, field: 'amount' });
    }
    hold.open -= amount;
    if (hold.open === 0) {
      hold.tasks = null;
      this.#openBatches -= 1;
    }
    if (kind !== 'refund') this.#noteReversible(seq, amount);
    return null;
  }

  #noteReversible(seq: number, amount: number): void {
    const at = seq - this.#firstSeq;
    const number = Math.floor(at / PAGE_ENTRIES);
    while (this.#reversible.length <= number) this.#reversible.push(new Float64Array(PAGE_ENTRIES));
    const page = this.#reversible[number];
    if (page !== undefined) page[at % PAGE_ENTRIES] = amount;
  }

  #takeReversal({ seq, amount, reverses_seq: reverses }: LedgerEntry): LedgerProblem | null {
    if (reverses === null) return null;
    if (reverses >= seq) {
      const message = `it reverses entry ${reverses}, which is not an earlier entry`;
      return problem('bad_reversal', message, { seq, field: 'reverses_seq' });
    }
    if (reverses < this.#firstSeq) return null;
    const at = reverses - this.#firstSeq;
    const page = this.#reversible[Math.floor(at / PAGE_ENTRIES)];
    const left = page?.[at % PAGE_ENTRIES] ?? 0;
    if (page !== undefined && amount <= left) {
      // Wholly reversed is marked apart from never reversible, for the message.
      page[at % PAGE_ENTRIES] = left === amount ? -1 : left - amount;
      return null;
    }
    if (left === 0) {
      const message = `it reverses entry ${reverses}, which is neither a charge nor a forfeit`;
      return problem('bad_reversal', message, { seq, field: 'reverses_seq' });
    }
    const message = `it reverses ${amount} credits of entry ${reverses}, but only ${Math.max(left, 0)} can still be reversed`;
    return problem('reversal_exceeded', message, { seq, field: 'amount' });
  }
}
