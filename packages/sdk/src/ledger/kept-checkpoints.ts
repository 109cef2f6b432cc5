/** Checks that the ledger agrees with every kept checkpoint (rule 11 of docs/ledger-verification.md). */
import { equal } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import type { KeptCheckpoint } from './checkpoint-store.ts';
import { type LedgerProblem, problem } from './problem.ts';

/** An earlier checkpoint: from a store, or from the caller, in which case its time is not known. */
export interface EarlierCheckpoint extends Omit<KeptCheckpoint, 'kept_at'> {
  /** RFC 3339; null when it is not known. */
  readonly kept_at: string | null;
}

interface Kept extends EarlierCheckpoint {
  readonly parsed: Checkpoint;
}

interface Comparison {
  readonly problems: readonly LedgerProblem[];
  readonly warnings: readonly string[];
  readonly compared: number;
  readonly agreeingSize: number | null;
  /** True when a kept checkpoint could not be compared with an export of a part of the ledger. */
  readonly isPartial: boolean;
}

/** Names a checkpoint in messages, with the day if it is known. A caller's own store may have any text as time. */
function describe({ parsed, kept_at: keptAt }: Kept): string {
  const day = /^\d{4}-\d\d-\d\d(?=T)/.exec(keptAt ?? '')?.[0];
  const when = day === undefined ? 'earlier' : `on ${day}`;
  return `the checkpoint of ${parsed.size} entries that was kept ${when}`;
}

/** The kept checkpoints of one ledger, smallest first. */
export class KeptCheckpoints {
  readonly #kept: readonly Kept[];
  readonly #current: Checkpoint;
  readonly #acceptedEpoch: number;

  constructor(kept: readonly EarlierCheckpoint[], current: Checkpoint, acceptEpoch: number) {
    const readable: Kept[] = [];
    for (const each of kept) {
      const parsed = parseCheckpoint(each.checkpoint);
      if (!('error' in parsed)) readable.push({ ...each, parsed });
    }
    this.#kept = readable
      .filter(({ parsed }) => parsed.serverName === current.serverName && parsed.accountId === current.accountId)
      .sort((a, b) => a.parsed.size - b.parsed.size);
    this.#current = current;
    this.#acceptedEpoch = this.#kept.reduce(
      (epoch, { checked, parsed }) => (checked ? Math.max(epoch, parsed.epoch) : epoch),
      acceptEpoch,
    );
  }

  sizes(): number[] {
    return this.#kept.map(({ parsed }) => parsed.size);
  }

  knows(text: string): boolean {
    return this.#kept.some(({ checkpoint, checked }) => checked && checkpoint === text);
  }

  /**
   * @param rootAt root of the first entries of the export
   * @param last the last entry of the export; the range of a problem does not go beyond it
   */
  compare(rootAt: (size: number) => Uint8Array | null, last: number): Comparison {
    const problems: LedgerProblem[] = [];
    const warnings: string[] = [];
    let compared = 0;
    let agreeing: number | null = null;
    let isPartial = false;
    for (const kept of this.#kept) {
      const { size, epoch, root } = kept.parsed;
      // Checkpoints that were given up when the epoch was accepted do not have to agree any more.
      const isGivenUp = epoch < this.#acceptedEpoch;
      const report = (found: LedgerProblem): void => {
        if (isGivenUp) warnings.push(`${found.message} (accepted with epoch ${this.#acceptedEpoch})`);
        else if (problems.length === 0) problems.push(found);
      };
      if (size > this.#current.size || epoch > this.#current.epoch) {
        report(this.#rolledBack(kept));
        continue;
      }
      const now = size === this.#current.size ? this.#current.root : rootAt(size);
      if (now === null) {
        isPartial = true;
        continue;
      }
      compared += 1;
      if (equal(now, root)) agreeing = Math.max(agreeing ?? 0, size);
      else report(this.#rewritten(kept, agreeing ?? 0, last));
    }
    if (isPartial) {
      warnings.push(
        'this export has only a part of the ledger, so some kept checkpoints could not be compared with it; verify a whole export to compare them all',
      );
    }
    return { problems, warnings, compared, agreeingSize: agreeing, isPartial };
  }

  #newEpoch(epoch: number): string {
    if (epoch === this.#current.epoch) return '';
    return `. The server has opened epoch ${this.#current.epoch} since then: ask its operator what was lost before you accept the epoch`;
  }

  #rolledBack(kept: Kept): LedgerProblem {
    const { size, epoch } = kept.parsed;
    const message =
      epoch > this.#current.epoch
        ? `the export is of epoch ${this.#current.epoch}, but ${describe(kept)} is of epoch ${epoch}: this is an old export`
        : `the export has ${this.#current.size} entries, fewer than ${describe(kept)}: this is an old export, or the ledger was set back${this.#newEpoch(epoch)}`;
    const range = size > this.#current.size ? { first: this.#current.size + 1, last: size } : null;
    return problem('rolled_back', message, { range });
  }

  #rewritten(kept: Kept, agreeing: number, last: number): LedgerProblem {
    const { size, epoch } = kept.parsed;
    const range = { first: agreeing + 1, last: Math.min(size, last) };
    const until =
      agreeing === 0 ? 'no kept checkpoint agrees' : `the last checkpoint that agrees has ${agreeing} entries`;
    const message = `history was rewritten: the first ${size} entries are not those of ${describe(kept)}; ${until}, so the change is in entries ${range.first} to ${range.last}${this.#newEpoch(epoch)}`;
    return problem('history_rewritten', message, { range });
  }
}
