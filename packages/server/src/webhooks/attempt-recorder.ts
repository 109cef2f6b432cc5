import { isTransient, isUnavailable, type Database } from '../db/index.ts';
import type { Clock, Logger } from '../ports.ts';
import { ATTEMPTS_PER_RECORD, RECORD_RETRY_MS } from './limits.ts';
import { recordAttempts, recordGone, type AttemptRecord } from './record-attempts.ts';

/** An attempt to record; its age is taken when it is written. */
export interface MadeAttempt extends Omit<AttemptRecord, 'ageMs'> {
  /** By the clock's monotonic milliseconds. */
  readonly startedAtMs: number;
  /** For the event that tells of an endpoint disabled by this attempt. */
  readonly disabled: { readonly reason: string; readonly eventData: Readonly<Record<string, unknown>> } | null;
}

interface Waiting {
  readonly attempt: MadeAttempt;
  readonly done: () => void;
}

export interface AttemptRecorderOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Writes attempts as they come, those that arrive during one write together in the next: under load hundreds share a
 * commit, and a single one waits for nothing. While the database is away they are kept and tried again.
 */
export class AttemptRecorder {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #givenUp = new AbortController();
  readonly #waiting: Waiting[] = [];
  #running = false;

  constructor({ db, clock, logger }: AttemptRecorderOptions) {
    this.#db = db;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Resolves when the attempt is written, or when writing it was given up. */
  record(attempt: MadeAttempt): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ attempt, done });
      if (!this.#running) void this.#run();
    });
  }

  /** No more tries: what is not written yet will be repeated by whoever claims it next. */
  giveUp(): void {
    this.#givenUp.abort();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      await this.#write(batch);
      for (const { done } of batch) done();
    }
    this.#running = false;
  }

  /** The next batch. An attempt that disables its endpoint has a transaction of its own. */
  #take(): Waiting[] {
    const firstGone = this.#waiting.findIndex(({ attempt }) => attempt.gone);
    const length = firstGone === -1 ? ATTEMPTS_PER_RECORD : Math.min(ATTEMPTS_PER_RECORD, Math.max(1, firstGone));
    return this.#waiting.splice(0, length);
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    for (;;) {
      try {
        await this.#writeOnce(batch);
        return;
      } catch (error) {
        if (!isUnavailable(error) && !isTransient(error)) {
          await this.#writeApart(batch, error);
          return;
        }
        if (this.#givenUp.signal.aborted) {
          this.#logger.warn(
            { attempts: batch.length, err: error },
            'webhook attempts were not recorded and will be repeated',
          );
          return;
        }
        await this.#clock.sleep(RECORD_RETRY_MS, this.#givenUp.signal).catch(() => undefined);
      }
    }
  }

  async #writeOnce(batch: readonly Waiting[]): Promise<void> {
    const now = this.#clock.monotonicMs();
    const records = batch.map(({ attempt }) => ({ ...attempt, ageMs: Math.round(now - attempt.startedAtMs) }));
    const [first] = records;
    if (first?.gone === true && first.disabled !== null) await recordGone(this.#db, first, first.disabled);
    else await recordAttempts(this.#db, records);
  }

  /**
   * One attempt that cannot be written must not take the others with it. Two of one delivery, made by a stalled claim and
   * the next, ask for the same number and come here too.
   */
  async #writeApart(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length > 1) {
      for (const waiting of batch) await this.#write([waiting]);
      return;
    }
    const [only] = batch;
    this.#logger.error(
      { endpoint_id: only?.attempt.endpoint_id, event_seq: only?.attempt.event_seq, err: error },
      'a webhook attempt could not be recorded; the attempt will be repeated',
    );
  }
}
