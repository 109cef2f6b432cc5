import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { LeafHasher, LedgerGap, readEntries, type LedgerViolation } from '../ledger/index.ts';
import type { LoggedCheckpoint } from './checkpoint-lines.ts';
import { TreeBuilder } from './merkle.ts';
import { isSignedBy, parseCheckpoint, type VerifierKey } from './note.ts';

/** A checkpoint that the entries have to hash to. */
interface Expectation {
  readonly size: number;
  readonly root: Buffer;
  readonly signedAt: string;
}

export interface CheckKeys {
  /** Those there were when the check began. */
  readonly keys: readonly VerifierKey[];
  /** Those there are now: one may have been rotated in since. */
  presentKeys(): Promise<readonly VerifierKey[]>;
}

interface PublishedRow {
  readonly size: number;
  readonly checkpoint: string;
  readonly created_at: Date;
}

const PUBLISHED_PER_STEP = 5_000;
/** A sealer that lost its lease may have logged a size after a larger one: a few lines in the life of a server. */
const MAX_LATE_LINES = 100_000;

/**
 * The comparison of one account's entries with its checkpoints. They come in the order of the log, nearly that of their
 * sizes; the tree grows with them and is never gone through again, save for lines that came late.
 */
export class TreeCheck {
  readonly #db: Queryable;
  readonly #accountUuid: AccountUuid;
  readonly #epoch: number;
  readonly #keys: CheckKeys;
  readonly #violations: LedgerViolation[] = [];
  #builder = new TreeBuilder();
  #agreed = 0;
  #publishedUpTo = 0;
  #late: readonly Expectation[] = [];
  #isBroken = false;
  #isEpochTold = false;

  constructor(db: Queryable, accountUuid: AccountUuid, epoch: number, keys: CheckKeys) {
    this.#db = db;
    this.#accountUuid = accountUuid;
    this.#epoch = epoch;
    this.#keys = keys;
  }

  /** The account's next lines of the log. */
  async logged(lines: readonly LoggedCheckpoint[]): Promise<void> {
    const later = lines.find((line) => line.epoch > this.#epoch);
    if (later !== undefined && !this.#isEpochTold) {
      this.#isEpochTold = true;
      this.#report('checkpoint_epoch', `the log has epoch ${later.epoch}, the database epoch ${this.#epoch}`);
    }
    const own = lines.filter((line) => line.epoch === this.#epoch);
    const expected = own.map((line): Expectation => ({ size: line.size, root: line.root, signedAt: line.at }));
    const furthest = expected.reduce((most, { size }) => Math.max(most, size), 0);
    await this.#compare(expected, furthest, new Set(own.map((line) => line.checkpoint)));
  }

  /** Everything that was found, the checkpoints that only the database has included. */
  async finish(): Promise<readonly LedgerViolation[]> {
    await this.#compare([], Number.MAX_SAFE_INTEGER, new Set());
    if (this.#late.length > 0 && !this.#isBroken) {
      const late = this.#late;
      this.#late = [];
      this.#builder = new TreeBuilder();
      this.#agreed = 0;
      await this.#grow(late);
    }
    return this.#violations;
  }

  /** Compares what was logged, and what was published of the same sizes, up to a size. */
  async #compare(expected: readonly Expectation[], upTo: number, loggedTexts: ReadonlySet<string>): Promise<void> {
    let rest = expected;
    for (let isMore = true; isMore && !this.#isBroken;) {
      const rows = await this.#db.query<PublishedRow>(
        `SELECT size, checkpoint, created_at FROM ledger_checkpoints
         WHERE account_id = $1 AND epoch = $2 AND size > $3 AND size <= $4 ORDER BY size LIMIT ${PUBLISHED_PER_STEP}`,
        [this.#accountUuid, this.#epoch, this.#publishedUpTo, upTo],
      );
      isMore = rows.length === PUBLISHED_PER_STEP;
      const end = isMore ? (rows.at(-1)?.size ?? upTo) : upTo;
      const published = await this.#judge(rows, loggedTexts);
      await this.#grow([...rest.filter(({ size }) => size <= end), ...published]);
      rest = rest.filter(({ size }) => size > end);
      if (end < Number.MAX_SAFE_INTEGER) this.#publishedUpTo = Math.max(this.#publishedUpTo, end);
    }
  }

  /** What is in the log was signed by us, so that only other checkpoints need their signature checked. */
  async #judge(rows: readonly PublishedRow[], loggedTexts: ReadonlySet<string>): Promise<Expectation[]> {
    const isGood = ({ checkpoint }: PublishedRow, keys: readonly VerifierKey[]): boolean =>
      loggedTexts.has(checkpoint) || (parseCheckpoint(checkpoint) !== null && isSignedBy(checkpoint, keys));
    // A key may have been rotated in since the check began. It is in the ring before it signs, so the checkpoints, read
    // first, are judged again by the keys as they are now.
    const suspects = rows.filter((row) => !isGood(row, this.#keys.keys));
    const keys = suspects.length === 0 ? [] : await this.#keys.presentKeys();
    const bad = new Set(suspects.filter((row) => !isGood(row, keys)));
    return rows.flatMap((row) => {
      const signedAt = row.created_at.toISOString();
      const content = parseCheckpoint(row.checkpoint);
      if (content === null || bad.has(row)) {
        const what = `the checkpoint published at ${signedAt}`;
        this.#report('checkpoint_signature', `${what} is not signed by a key of this server`);
        return [];
      }
      return [{ size: content.size, root: content.root, signedAt }];
    });
  }

  /** Grows the tree through these sizes, and stops at the first that has another root. */
  async #grow(unordered: readonly Expectation[]): Promise<void> {
    const begunAt = this.#builder.size;
    this.#keepForLater(unordered.filter(({ size }) => size < begunAt));
    const expectations = unordered.filter(({ size }) => size >= begunAt).toSorted((a, b) => a.size - b.size);
    const furthest = expectations.at(-1);
    if (furthest === undefined || this.#isBroken) return;
    const hasher = new LeafHasher(this.#accountUuid);
    let next = this.#compareRoots(expectations, 0);
    if (this.#isBroken) return;
    try {
      for await (const page of readEntries(this.#db, this.#accountUuid, this.#builder.size + 1, furthest.size)) {
        for (const row of page) {
          this.#builder.append(hasher.hash(row));
          next = this.#compareRoots(expectations, next);
          if (this.#isBroken) return;
        }
      }
    } catch (error) {
      if (!(error instanceof LedgerGap)) throw error;
      const missed = expectations[next] ?? furthest;
      this.#break(`${missed.size} entries were signed at ${missed.signedAt}, and ${error.message}`);
    }
  }

  #keepForLater(late: readonly Expectation[]): void {
    this.#late = this.#late.concat(late);
    if (this.#late.length <= MAX_LATE_LINES) return;
    this.#late = [];
    this.#report('checkpoint_order', `more than ${MAX_LATE_LINES} checkpoints are out of their order`);
  }

  /** Compares the root of the present size with every checkpoint of it; returns the place of the first larger one. */
  #compareRoots(expectations: readonly Expectation[], from: number): number {
    let at = from;
    let root: Buffer | null = null;
    for (let one = expectations[at]; one?.size === this.#builder.size; one = expectations[at]) {
      root ??= this.#builder.root();
      if (!root.equals(one.root)) {
        this.#break(
          `entries ${this.#agreed + 1} to ${one.size} are not those that the checkpoint over ${one.size} was signed for at ${one.signedAt}`,
        );
        return at;
      }
      this.#agreed = one.size;
      at += 1;
    }
    return at;
  }

  #break(detail: string): void {
    this.#isBroken = true;
    this.#report('checkpoint_root', detail);
  }

  #report(rule: string, detail: string): void {
    this.#violations.push({ accountUuid: this.#accountUuid, rule, detail });
  }
}
