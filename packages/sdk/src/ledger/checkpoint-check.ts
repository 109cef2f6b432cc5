/** Checks checkpoints: rule 10 and the section on epochs of docs/ledger-verification.md. */
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import type { EpochEnd } from './export/header.ts';
import type { Findings } from './findings.ts';
import type { EarlierCheckpoint } from './kept-checkpoints.ts';
import { checkNote, type LedgerKey } from './note.ts';
import type { VerifyOptions } from './verify-options.ts';

/** A checkpoint that could be read. */
export interface CheckedCheckpoint {
  readonly parsed: Checkpoint;
  /** The trusted key that signed it; null when no trusted key did. */
  readonly key: LedgerKey | null;
}

/** Checks checkpoints against the keys that the caller trusts. */
export class CheckpointCheck {
  readonly #keys: readonly LedgerKey[];
  readonly #findings: Findings;

  constructor(keys: readonly LedgerKey[], findings: Findings) {
    this.#keys = keys;
    this.#findings = findings;
  }

  /**
   * The checkpoint in `text`, with the trusted key that signed it; null when the text cannot be read. Problems are added to the findings.
   *
   * @param what names it in messages
   */
  async checkpoint(text: string, what: string, accountId: string): Promise<CheckedCheckpoint | null> {
    const parsed = parseCheckpoint(text);
    if ('error' in parsed) {
      this.#findings.add('bad_checkpoint', `${what} cannot be read: ${parsed.error}`);
      return null;
    }
    if (parsed.accountId !== accountId) {
      this.#findings.add(
        'wrong_account',
        `${what} is of account ${parsed.accountId}, but the entries are of account ${accountId}`,
      );
    }
    const ofServer = this.#keys.filter(({ name }) => name === parsed.serverName);
    const check = await checkNote(parsed.note, ofServer);
    if (check.state === 'good') return { parsed, key: check.key };
    if (check.state === 'bad') {
      const message = `${what} is forged or damaged: the signature of the key ${check.key.text} does not match this text`;
      this.#findings.add('bad_signature', message);
    } else {
      const names = [...new Set(this.#keys.map(({ name }) => name))].join(', ');
      const message = `${what} of ${parsed.origin} is not signed by a key that you trust (your keys are of ${names})`;
      this.#findings.add('unknown_key', message);
    }
    return { parsed, key: null };
  }

  /** Checks the ends of the earlier epochs: each has signed checkpoints on both sides, and no epoch is missing. */
  async epochs(ends: readonly EpochEnd[], current: Checkpoint): Promise<void> {
    let expected = 1;
    for (const end of ends) {
      const { epoch, last_checkpoint: before, first_checkpoint: after } = end;
      const last = await this.checkpoint(before, `the last checkpoint of epoch ${epoch}`, current.accountId);
      const first = await this.checkpoint(after, `the first checkpoint after epoch ${epoch}`, current.accountId);
      const isRight = end.epoch === expected && last?.parsed.epoch === expected && first?.parsed.epoch === expected + 1;
      if (!isRight) {
        const message = `entry ${expected} of previous_epochs is wrong: it must be the end of epoch ${expected}, with the last checkpoint of that epoch and the first of the next`;
        this.#findings.add('bad_epoch', message);
      }
      const why = end.reason === null ? '' : `: ${end.reason}`;
      const size = last === null ? 'an unknown number of' : last.parsed.size;
      this.#findings.warnings.push(`epoch ${end.epoch} ended on ${end.opened_at} at ${size} entries${why}`);
      expected += 1;
    }
    if (expected !== current.epoch) {
      this.#findings.add(
        'bad_epoch',
        `the checkpoint is of epoch ${current.epoch}, but previous_epochs has ${expected - 1} earlier epochs`,
      );
    }
  }

  /** All checkpoints that the ledger must agree with: those in the store, and the signed ones that the caller gave. */
  async earlier(
    { previousCheckpoint, store }: Pick<VerifyOptions, 'previousCheckpoint' | 'store'>,
    current: Checkpoint,
  ): Promise<readonly EarlierCheckpoint[]> {
    const given = previousCheckpoint === undefined ? [] : [previousCheckpoint].flat();
    const kept: EarlierCheckpoint[] = [];
    for (const text of given) {
      const checked = await this.checkpoint(text, 'the previous checkpoint', current.accountId);
      if (checked === null || checked.key === null) continue;
      kept.push({ checkpoint: text, kept_at: null, checked: false });
    }
    return store === undefined ? kept : [...(await store.read(current)), ...kept];
  }
}
