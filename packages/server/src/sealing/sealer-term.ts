import type { Database } from '../db/index.ts';
import type { Clock, Logger, Random } from '../ports.ts';
import { CheckpointLog } from './checkpoint-log.ts';
import { LedgerKeysError, openKeyRing, parseKeyRing, readKeyText, type KeyRing } from './key-ring.ts';
import { formatVerifierKey } from './note.ts';
import { tellOperator } from '../operators/index.ts';

/** Registers the keys of a directory with the database; false when the database belongs to another directory's keys. */
export async function registerKeys(db: Database, ring: KeyRing): Promise<boolean> {
  const [row] = await db.query<{ answer: string }>(
    'SELECT register_ledger_keys($1::text[], $2::text[], $3::timestamptz[], $4) AS answer',
    [
      ring.keys.map((key) => key.id),
      ring.keys.map(formatVerifierKey),
      ring.keys.map((key) => key.createdAt),
      ring.active.id,
    ],
  );
  return row?.answer === 'registered';
}

export interface TermOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where the keys and the checkpoint log lie. */
  readonly keysDirectory: string;
  readonly serverName: string;
}

/** What a process has while it is the one that seals. */
export interface Term {
  readonly holder: string;
  readonly fence: number;
  readonly log: CheckpointLog;
  readonly ring: KeyRing;
}

/** Renewed with every round. A sealer that is stopped longer has lost it, and cannot publish by its old fence. */
const LEASE_MS = 10_000;

/** One process's claim to seal: its keys, its lease, and the log that it may write to while it holds the lease. */
export class SealerTerm {
  readonly #options: TermOptions;
  readonly #holder: string;
  #ring: KeyRing;
  /** What the key file held when the ring was read; null: read it again. */
  #ringText: string | null = null;
  #isRegistered = false;
  #toldForeign = false;
  #held: { readonly fence: number; readonly log: CheckpointLog } | null = null;
  /** The log as it was when it was let go of. */
  #previous: CheckpointLog | null = null;

  /** Makes the keys when there are none. Throws `LedgerKeysError` or `DataDirError`. */
  constructor(options: TermOptions) {
    this.#options = options;
    this.#holder = options.random.uuid();
    this.#ring = openKeyRing(options.keysDirectory, options.serverName, options.clock.now());
  }

  /** Takes or renews the lease. Null when another process seals, or this one's keys are not the database's. */
  async hold(): Promise<Term | null> {
    if (!(await this.#haveKeys())) return null;
    const fence = await this.#claim();
    if (fence === null || this.#held?.fence !== fence || (await this.#held.log.isStale())) await this.end();
    if (fence === null) return null;
    this.#held ??= { fence, log: await this.#openLog(fence) };
    return { holder: this.#holder, ring: this.#ring, ...this.#held };
  }

  /** Lets go of the log; the next `hold` reads what is new of it from the disk. */
  async end(): Promise<void> {
    const ended = this.#held;
    this.#held = null;
    this.#previous = ended?.log ?? this.#previous;
    await ended?.log.close();
  }

  /** Gives the lease up. */
  async close(): Promise<void> {
    const had = this.#held !== null;
    await this.end();
    if (had) await this.#options.db.query('SELECT release_ledger_sealer($1)', [this.#holder]);
  }

  async #claim(): Promise<number | null> {
    const [row] = await this.#options.db.query<{ fence: number | null }>(
      'SELECT claim_ledger_sealer($1, $2) AS fence',
      [this.#holder, LEASE_MS],
    );
    return row?.fence ?? null;
  }

  /** Keeps the lease while a long log is read. */
  async #openLog(fence: number): Promise<CheckpointLog> {
    const { clock, keysDirectory } = this.#options;
    let renewedMs = clock.monotonicMs();
    const onProgress = async (): Promise<void> => {
      if (clock.monotonicMs() - renewedMs < LEASE_MS / 10) return;
      renewedMs = clock.monotonicMs();
      if ((await this.#claim()) !== fence) throw new Error('the lease of the sealer was lost while the log was read');
    };
    const log = await CheckpointLog.open(keysDirectory, { onProgress, previous: this.#previous });
    this.#previous = null;
    return log;
  }

  /** Reads the keys again when they were rotated. */
  async #haveKeys(): Promise<boolean> {
    const { db, keysDirectory } = this.#options;
    // By what it holds: a time of change can be that of a moment ago, when the file was another one.
    const text = readKeyText(keysDirectory);
    if (text === null)
      throw new LedgerKeysError(`The ledger keys in ${keysDirectory} are missing. Restore them from a backup.`);
    if (text !== this.#ringText) {
      this.#ring = parseKeyRing(keysDirectory, text);
      this.#ringText = text;
      this.#isRegistered = false;
    }
    this.#isRegistered ||= await registerKeys(db, this.#ring);
    if (!this.#isRegistered && !this.#toldForeign) {
      this.#toldForeign = true;
      const detail = `The checkpoints of this database are signed by a key that is not in ${keysDirectory}.`;
      await tellOperator(this.#options, { type: 'ledger.foreign_key', accountUuid: null, detail: { detail } });
    }
    return this.#isRegistered;
  }
}
