/** Verification of a ledger without its server: docs/ledger-verification.md, section by section. */
import { equal, toBase64 } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { NOTHING } from './balances.ts';
import type { ExportedEntry, RawEntry } from './entry.ts';
import { EntryCheck } from './entry-check.ts';
import {
  type EpochEnd,
  type ExportHeader,
  type ExportPart,
  type LedgerRange,
  UnreadableExport,
} from './export/header.ts';
import { readExport } from './export/read-export.ts';
import type { ExportChunks } from './export/text-buffer.ts';
import { type EarlierCheckpoint, KeptCheckpoints } from './kept-checkpoints.ts';
import { type LedgerKeys, readLedgerKeys } from './keys.ts';
import { checkNote, type LedgerKey } from './note.ts';
import { type LedgerProblem, problem } from './problem.ts';
import type { LedgerReport } from './report.ts';

/** What both ways of verifying take. */
export interface VerifyOptions {
  /** Keys that you trust: their texts, or the server's document as you fetched it once. */
  readonly keys: LedgerKeys | readonly string[];
  /** The account that it must be about. */
  readonly accountId?: string;
  /** Checkpoints from earlier that the ledger must agree with, as text. */
  readonly previousCheckpoint?: string | readonly string[];
  /** Where checkpoints are kept: read before, and added to when everything was found right. */
  readonly store?: CheckpointStore;
  /** Accepts that the server opened this epoch; what you kept of earlier ones is then reported and not demanded. */
  readonly acceptEpoch?: number;
  /** Time written beside a checkpoint that is kept. */
  readonly now?: () => Date;
}

export interface VerifyLedgerOptions extends VerifyOptions {
  /** All entries up to the checkpoint, oldest first, or those of `range`. */
  readonly entries: AsyncIterable<ExportedEntry> | Iterable<ExportedEntry>;
  /** The checkpoint's text. */
  readonly checkpoint: string;
  /** Left out: all entries. */
  readonly range?: LedgerRange;
  readonly previousEpochs?: readonly EpochEnd[];
}

/** Verifies entries against a checkpoint. Resolves for every finding; throws `RushesError` for unusable keys only. */
export async function verifyLedger(options: VerifyLedgerOptions): Promise<LedgerReport> {
  return verifyParts(partsOf(options), options);
}

/**
 * Verifies an export as the server wrote it: CSV, JSON or JSON lines, in chunks as they come from a file or the network.
 * Resolves for every finding; throws what the source throws, and `RushesError` for unusable keys.
 */
export async function verifyLedgerExport(chunks: ExportChunks, options: VerifyOptions): Promise<LedgerReport> {
  return verifyParts(readExport(chunks), options);
}

async function* partsOf(options: VerifyLedgerOptions): AsyncGenerator<ExportPart, void, undefined> {
  const checkpoint = parseCheckpoint(options.checkpoint);
  const known = 'error' in checkpoint ? null : checkpoint;
  const header: ExportHeader = {
    accountId: options.accountId ?? known?.accountId ?? '',
    checkpoint: options.checkpoint,
    previousEpochs: options.previousEpochs ?? [],
    range: options.range ?? { first: 1, last: known?.size ?? 0, left: [], right: [] },
  };
  yield { kind: 'header', header };
  let position = 0;
  for await (const entry of options.entries) {
    position += 1;
    const raw: RawEntry = { position, fields: entry as unknown as RawEntry['fields'] };
    yield { kind: 'entries', entries: [raw] };
  }
}

async function verifyParts(
  parts: AsyncGenerator<ExportPart, void, undefined>,
  options: VerifyOptions,
): Promise<LedgerReport> {
  const verification = new Verification(options);
  try {
    for await (const part of parts) {
      const goesOn =
        part.kind === 'header' ? await verification.begin(part.header) : verification.takeAll(part.entries);
      if (!goesOn) break;
    }
  } catch (error) {
    if (!(error instanceof UnreadableExport)) throw error;
    verification.breakOff(error.problem);
  }
  return verification.finish();
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #keys: readonly LedgerKey[];
  readonly #problems: LedgerProblem[] = [];
  readonly #warnings: string[] = [];
  #header: ExportHeader | null = null;
  #checkpoint: Checkpoint | null = null;
  #signedBy: LedgerKey | null = null;
  #kept: KeptCheckpoints | null = null;
  #entries: EntryCheck | null = null;
  #brokeOff = false;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#keys = readLedgerKeys(options.keys);
  }

  /** False when entries cannot be checked at all. */
  async begin(header: ExportHeader): Promise<boolean> {
    this.#header = header;
    const { accountId } = this.#options;
    if (accountId !== undefined && accountId !== header.accountId) {
      this.#add('wrong_account', `the export is of account ${header.accountId}, not of ${accountId}`);
    }
    if (header.checkpoint === null) {
      this.#add(
        'no_checkpoint',
        'nothing of this ledger is sealed yet: it has no checkpoint, and nothing can be checked',
      );
      return false;
    }
    const checkpoint = await this.#checkCheckpoint(header.checkpoint, 'the checkpoint', header.accountId);
    if (checkpoint === null) return false;
    this.#checkpoint = checkpoint.parsed;
    this.#signedBy = checkpoint.key;
    await this.#checkEpochs(header.previousEpochs, checkpoint.parsed);
    if (header.range.last > checkpoint.parsed.size) {
      const { last } = header.range;
      this.#add(
        'not_an_export',
        `the range ends at entry ${last}, behind the ${checkpoint.parsed.size} of the checkpoint`,
      );
      return false;
    }
    const kept = await this.#readKept(checkpoint.parsed);
    this.#kept = new KeptCheckpoints(kept, checkpoint.parsed, this.#options.acceptEpoch ?? 1);
    this.#entries = new EntryCheck(header.accountId, header.range, this.#kept.sizes());
    return true;
  }

  takeAll(raw: readonly RawEntry[]): boolean {
    for (const each of raw) if (this.#entries?.take(each) === false) return false;
    return true;
  }

  breakOff(found: LedgerProblem): void {
    this.#brokeOff = true;
    this.#problems.push(found);
  }

  async finish(): Promise<LedgerReport> {
    const entries = this.#entries;
    const intact = entries === null ? null : this.#checkTree(entries);
    const comparison = this.#compareKept(intact === true);
    if (this.#problems.length === 0 && comparison?.isPartial === false) await this.#keep();
    const edited = entries === null || entries.edited === 0 ? null : entries.edited;
    const nothing = { range: null, period: null, balances: { before: NOTHING, after: NOTHING }, totals: {} };
    return {
      ok: this.#problems.length === 0,
      problems: this.#problems,
      warnings: this.#warnings,
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

  #add(code: LedgerProblem['code'], message: string, where: Parameters<typeof problem>[2] = {}): void {
    this.#problems.push(problem(code, message, where));
  }

  /** A checkpoint with a good signature, or null after saying what is wrong. */
  async #checkCheckpoint(
    text: string,
    what: string,
    accountId: string,
  ): Promise<{ parsed: Checkpoint; key: LedgerKey | null } | null> {
    const parsed = parseCheckpoint(text);
    if ('error' in parsed) {
      this.#add('bad_checkpoint', `${what} is none: ${parsed.error}`);
      return null;
    }
    if (parsed.accountId !== accountId) {
      this.#add('wrong_account', `${what} is of account ${parsed.accountId}, the entries are of ${accountId}`);
    }
    const ofServer = this.#keys.filter(({ name }) => name === parsed.serverName);
    const check = await checkNote(parsed.note, ofServer);
    if (check.state === 'good') return { parsed, key: check.key };
    if (check.state === 'bad') {
      const message = `${what} is forged or damaged: the signature in the name of ${check.key.text} is not over this text`;
      this.#add('bad_signature', message);
    } else {
      const names = [...new Set(this.#keys.map(({ name }) => name))].join(', ');
      const message = `${what} of ${parsed.origin} is not signed by a key that you trust (those are of ${names})`;
      this.#add('unknown_key', message);
    }
    return { parsed, key: null };
  }

  async #checkEpochs(ends: readonly EpochEnd[], current: Checkpoint): Promise<void> {
    let expected = 1;
    for (const end of ends) {
      const what = `of the end of epoch ${end.epoch}`;
      const last = await this.#checkCheckpoint(end.last_checkpoint, `the last checkpoint ${what}`, current.accountId);
      const first = await this.#checkCheckpoint(
        end.first_checkpoint,
        `the first checkpoint ${what}`,
        current.accountId,
      );
      const isRight = end.epoch === expected && last?.parsed.epoch === expected && first?.parsed.epoch === expected + 1;
      if (!isRight)
        this.#add('bad_epoch', `previous_epochs is wrong at its entry ${expected}: an epoch follows each other`);
      const why = end.reason === null ? '' : `: ${end.reason}`;
      const size = last === null ? 'an unknown number of' : last.parsed.size;
      this.#warnings.push(`epoch ${end.epoch} ended on ${end.opened_at} at ${size} entries${why}`);
      expected += 1;
    }
    if (expected !== current.epoch) {
      this.#add(
        'bad_epoch',
        `the checkpoint is of epoch ${current.epoch}, and previous_epochs tells of ${expected - 1}`,
      );
    }
  }

  async #readKept(current: Checkpoint): Promise<readonly EarlierCheckpoint[]> {
    const { previousCheckpoint, store } = this.#options;
    const given = previousCheckpoint === undefined ? [] : [previousCheckpoint].flat();
    const kept: EarlierCheckpoint[] = [];
    for (const text of given) {
      const checked = await this.#checkCheckpoint(text, 'the previous checkpoint', current.accountId);
      if (checked === null || checked.key === null) continue;
      kept.push({ checkpoint: text, kept_at: null, checked: false });
    }
    return store === undefined ? kept : [...(await store.read(current)), ...kept];
  }

  /** Whether the tree of the entries, or of the leaf hashes in the file, has the signed root. */
  #checkTree(entries: EntryCheck): boolean | null {
    const { range } = this.#header ?? {};
    if (this.#checkpoint === null || range === undefined || this.#brokeOff) {
      // What stands before the place where reading ended comes first.
      this.#problems.unshift(...entries.problems);
      return null;
    }
    const { size, root } = this.#checkpoint;
    const ownRoot = entries.finish(size);
    const isSame = ownRoot !== null && equal(ownRoot, root);
    if (entries.problems.length > 0) {
      this.#problems.push(...entries.problems);
      if (isSame && entries.edited > 0) {
        this.#warnings.push(
          'the leaf hashes in this file give the signed root: this file was edited, the ledger was not',
        );
      } else if (isSame) {
        this.#warnings.push('this entry is as the server signed it: the ledger itself breaks its rules');
      }
      return isSame;
    }
    if (entries.lastSeq < range.last) {
      const first = entries.lastSeq + 1;
      const message = `the export ends at entry ${entries.lastSeq}; entries ${first} to ${range.last} are missing`;
      this.#add('entries_missing', message, { seq: first, range: { first, last: range.last } });
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
    const message = `the entries agree with each other, but they are not the signed ones: their root is ${found}, the checkpoint's ${toBase64(this.#checkpoint.root)}. Something in entries ${among.first} to ${among.last} was changed together with its leaf_hash, or the range's hashes were`;
    this.#add('root_differs', message, { range: among });
  }

  #compareKept(isIntact: boolean): ReturnType<KeptCheckpoints['compare']> | null {
    const entries = this.#entries;
    if (this.#kept === null || entries === null || this.#header === null) return null;
    const comparison = this.#kept.compare((size) => entries.rootAt(size), this.#header.range.last);
    // Of entries that are not the signed ones nothing more can be said than that.
    const found = comparison.problems.filter(({ code }) => isIntact || code === 'rolled_back');
    this.#problems.push(...found);
    this.#warnings.push(...comparison.warnings);
    return comparison;
  }

  async #keep(): Promise<void> {
    const { store, now } = this.#options;
    if (store === undefined || this.#checkpoint === null || this.#kept?.knows(this.#checkpoint.text) === true) return;
    const kept_at = (now?.() ?? new Date()).toISOString();
    await store.keep(this.#checkpoint, { checkpoint: this.#checkpoint.text, kept_at, checked: true });
  }
}
