import type { Clock, HttpClient, Logger } from '../../ports.ts';
import type { Generation, Generations } from './generations.ts';

const CALLBACK_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 65_536;
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 1_000;
/** Shares of the latency after which progress is posted. */
const PROGRESS_SHARES = [0.25, 0.5, 0.75] as const;
/** setTimeout wraps round past this; a longer wait is made of several. */
const MAX_TIMER_MS = 2_147_483_647;

export interface CallbackOptions {
  readonly generations: Generations;
  readonly http: HttpClient;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger | undefined;
  /** The body posted for a generation as it is now. */
  readonly bodyOf: (generation: Generation) => string;
}

/** Posts results, and progress where asked for, to callback URLs: unsigned, at least once, at most three attempts a life. */
export class Callbacks {
  readonly #options: CallbackOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: CallbackOptions) {
    this.#options = options;
  }

  schedule(generation: Generation): void {
    const { callback, startedAtMs, latencyMs, outcome } = generation;
    if (callback === null || outcome === 'never') return;
    if (callback.withProgress) {
      const now = this.#options.clock.now().getTime();
      for (const share of PROGRESS_SHARES) {
        const dueMs = startedAtMs + latencyMs * share;
        if (dueMs >= now) this.#at(dueMs, () => this.#post(callback.url, generation).then(() => undefined));
      }
    }
    this.#at(startedAtMs + latencyMs, () => this.#deliver(callback.url, generation));
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the simulator is closing'));
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#underWay);
  }

  #at(dueMs: number, action: () => Promise<void>): void {
    if (this.#closing.signal.aborted) return;
    const waitMs = Math.max(dueMs - this.#options.clock.now().getTime(), 0);
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (this.#options.clock.now().getTime() < dueMs) {
          this.#at(dueMs, action);
          return;
        }
        const run = action().catch((error: unknown) => {
          this.#options.logger?.warn({ error }, 'a callback could not be recorded');
        });
        this.#underWay.add(run);
        void run.finally(() => this.#underWay.delete(run));
      },
      Math.min(Math.ceil(waitMs), MAX_TIMER_MS),
    );
    this.#timers.add(timer);
  }

  async #deliver(url: string, generation: Generation): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      if (await this.#post(url, generation)) break;
      if (this.#closing.signal.aborted) return;
      if (attempt === MAX_ATTEMPTS) break;
      await this.#pause(RETRY_DELAY_MS * attempt);
    }
    await this.#options.generations.recordCalledBack(generation.id);
  }

  /** Whether the receiver took it. */
  async #post(url: string, generation: Generation): Promise<boolean> {
    try {
      const { status } = await this.#options.http.request({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json' },
        body: this.#options.bodyOf(generation),
        timeoutMs: CALLBACK_TIMEOUT_MS,
        maxResponseBytes: MAX_ANSWER_BYTES,
        signal: this.#closing.signal,
      });
      return status >= 200 && status < 300;
    } catch {
      return false;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#closing.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
