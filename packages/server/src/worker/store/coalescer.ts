import type { Clock } from '../../ports.ts';

/**
 * `retry`: no call can succeed now, so the whole call again. `set-apart`: one group cannot be handled now; it is found by
 * halves, set apart and tried again with what is added to it meanwhile, while the others go on. `split`: something may be
 * poisoned; likewise, and inside its group it is found by halves too, so that one item never keeps the rest.
 */
type FailedCall = 'retry' | 'set-apart' | 'split';

export interface CoalescerOptions<I, R, Group extends string = string> {
  /** Handles many items in one call and answers them in order. */
  readonly flush: (items: readonly I[]) => Promise<readonly R[]>;
  readonly clock: Clock;
  /** How long the first item of a call waits for others. */
  readonly windowMs: number;
  readonly maxItems: number;
  /** What to do when a call failed, and how long to wait before the next try. */
  readonly onError: (
    error: unknown,
    items: readonly I[],
    failuresInARow: number,
  ) => { readonly action: FailedCall; readonly pauseMs: number };
  /** Items of one group stay together unless one of them is poisoned. */
  readonly groupOf: (item: I) => Group;
  /** A group was set apart because something in it is poisoned: told once, however often it is tried after that. */
  readonly onQuarantined?: (group: Group, error: unknown) => void;
  /** All of a group that was quarantined has gone through. */
  readonly onReleased?: (group: Group) => void;
}

/** The error that came of something poisoned; null when a call failed for a lock or for the database. */
type Poison = { readonly error: unknown } | null;

/**
 * Gathers single calls into few: what arrives within a short window, or while an earlier call is under way, goes
 * together. No item is given up before `stop`: its promise settles when it has been handled.
 */
export interface Coalescer<I, R> {
  add(item: I): Promise<R>;
  /** The same for whoever waits for nothing himself: `taker` is told. */
  hand(item: I, taker: AnswerTaker<I, R>): void;
  /** What was set apart and waits for another try, by group. */
  readonly setApart: ReadonlyMap<string, readonly I[]>;
  /** Handles what is left, trying failed calls until the deadline; then rejects what is still open. */
  stop(deadlineMs: number): Promise<void>;
}

/** Takes answers for many items. Exactly one of the two is called for each, and neither may throw. */
export interface AnswerTaker<I, R> {
  answered(item: I, answer: R): void;
  givenUp(item: I, reason: Error): void;
}

interface Waiting<I, R> {
  readonly item: I;
  readonly taker: AnswerTaker<I, R>;
}

export class CoalescerStopped extends Error {
  override readonly name = 'CoalescerStopped';
}

export function createCoalescer<I, R, Group extends string = string>(
  options: CoalescerOptions<I, R, Group>,
): Coalescer<I, R> {
  return new GroupedCoalescer(options);
}

class GroupedCoalescer<I, R, Group extends string> implements Coalescer<I, R> {
  readonly #options: CoalescerOptions<I, R, Group>;
  readonly #giveUp = new AbortController();
  #waiting: Waiting<I, R>[] = [];
  #running: Promise<void> | null = null;
  /** Work beside the main line: halves of a call that failed, and groups set apart. */
  readonly #apart = new Set<Promise<void>>();
  /** What was added to a group since it was set apart. */
  readonly #setApart = new Map<Group, Waiting<I, R>[]>();
  /** What of a group was tried and failed. */
  readonly #failed = new Map<Group, readonly Waiting<I, R>[]>();

  constructor(options: CoalescerOptions<I, R, Group>) {
    this.#options = options;
  }

  add(item: I): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.hand(item, { answered: (_, answer) => resolve(answer), givenUp: (_, reason) => reject(reason) });
    });
  }

  hand(item: I, taker: AnswerTaker<I, R>): void {
    if (this.#giveUp.signal.aborted) {
      taker.givenUp(item, new CoalescerStopped('stopped'));
      return;
    }
    const entry = { item, taker };
    const added = this.#setApart.size === 0 ? undefined : this.#setApart.get(this.#options.groupOf(item));
    if (added === undefined) {
      this.#waiting.push(entry);
      this.#start();
    } else {
      added.push(entry);
    }
  }

  get setApart(): ReadonlyMap<string, readonly I[]> {
    return new Map(
      [...this.#setApart].map(([group, added]) => [
        group,
        [...(this.#failed.get(group) ?? []), ...added].map((entry) => entry.item),
      ]),
    );
  }

  async stop(deadlineMs: number): Promise<void> {
    const idle = this.#idle();
    const deadline = new AbortController();
    await Promise.race([idle, this.#options.clock.sleep(deadlineMs, deadline.signal).catch(() => undefined)]);
    deadline.abort();
    this.#giveUp.abort();
    await idle;
  }

  async #idle(): Promise<void> {
    while (this.#running !== null || this.#apart.size > 0) {
      await this.#running;
      await Promise.all(this.#apart);
    }
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#waiting.length > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    await this.#pause(this.#options.windowMs);
    while (this.#waiting.length > 0) await this.#handle(this.#waiting.splice(0, this.#options.maxItems));
  }

  async #call(entries: readonly Waiting<I, R>[]): Promise<void> {
    const answers = await this.#options.flush(entries.map((entry) => entry.item));
    entries.forEach((entry, at) => {
      const answer = answers[at];
      if (answer === undefined)
        entry.taker.givenUp(entry.item, new Error('a coalesced call left an item without an answer'));
      else entry.taker.answered(entry.item, answer);
    });
  }

  #verdict(
    error: unknown,
    entries: readonly Waiting<I, R>[],
    failures: number,
  ): { action: FailedCall; pauseMs: number } {
    return this.#options.onError(
      error,
      entries.map((entry) => entry.item),
      failures,
    );
  }

  async #handle(entries: readonly Waiting<I, R>[]): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#call(entries);
        return;
      } catch (error) {
        const { action, pauseMs } = this.#verdict(error, entries, failures);
        if (action !== 'retry') {
          for (const { group, entries: part } of split(entries, this.#options.groupOf)) {
            const poison = action === 'split' ? { error } : null;
            this.#besides(group === null ? this.#handle(part) : this.#insist(group, part, pauseMs, poison));
          }
          return;
        }
        if (!(await this.#pause(pauseMs))) {
          giveUpOn(entries);
          return;
        }
      }
    }
  }

  #besides(started: Promise<void>): void {
    const work = started.finally(() => this.#apart.delete(work));
    this.#apart.add(work);
  }

  /** Tries one group until all of it has succeeded. */
  async #insist(
    group: Group,
    first: readonly Waiting<I, R>[],
    firstPauseMs: number,
    firstPoison: Poison,
  ): Promise<void> {
    const earlier = this.#setApart.get(group);
    if (earlier !== undefined) {
      earlier.push(...first);
      return;
    }
    const added: Waiting<I, R>[] = [];
    this.#setApart.set(group, added);
    let isQuarantined = false;
    const quarantine = (poison: Poison): void => {
      if (poison === null || isQuarantined) return;
      isQuarantined = true;
      this.#options.onQuarantined?.(group, poison.error);
    };
    quarantine(firstPoison);
    let open = [...first];
    let pauseMs = firstPauseMs;
    for (let failures = 2; open.length > 0; failures += 1) {
      this.#failed.set(group, open);
      if (await this.#pause(pauseMs)) {
        const failed = await this.#tryByHalves(open, failures);
        quarantine(failed.poison);
        open = failed.entries;
        pauseMs = failed.pauseMs;
      } else {
        giveUpOn(open);
        open = [];
        isQuarantined = false;
      }
      open.push(...added.splice(0, Math.max(0, this.#options.maxItems - open.length)));
    }
    this.#setApart.delete(group);
    this.#failed.delete(group);
    if (isQuarantined) this.#options.onReleased?.(group);
  }

  async #tryByHalves(
    entries: readonly Waiting<I, R>[],
    failures: number,
  ): Promise<{ readonly entries: Waiting<I, R>[]; readonly pauseMs: number; readonly poison: Poison }> {
    try {
      await this.#call(entries);
      return { entries: [], pauseMs: 0, poison: null };
    } catch (error) {
      const { action, pauseMs } = this.#verdict(error, entries, failures);
      const poison = action === 'split' ? { error } : null;
      if (poison === null || entries.length === 1) return { entries: [...entries], pauseMs, poison };
      const middle = Math.ceil(entries.length / 2);
      const left = await this.#tryByHalves(entries.slice(0, middle), failures);
      const right = await this.#tryByHalves(entries.slice(middle), failures);
      return { entries: [...left.entries, ...right.entries], pauseMs, poison };
    }
  }

  /** False when it was cut short because the coalescer gives up. */
  async #pause(ms: number): Promise<boolean> {
    try {
      await this.#options.clock.sleep(ms, this.#giveUp.signal);
      return true;
    } catch {
      return false;
    }
  }
}

function giveUpOn<I, R>(entries: readonly Waiting<I, R>[]): void {
  for (const entry of entries)
    entry.taker.givenUp(entry.item, new CoalescerStopped('stopped before the call succeeded'));
}

interface Part<I, R, Group> {
  /** Set when everything in it is of one group. */
  readonly group: Group | null;
  readonly entries: readonly Waiting<I, R>[];
}

/** Two halves, or the whole when it is of one group. */
function split<I, R, Group>(entries: readonly Waiting<I, R>[], groupOf: (item: I) => Group): Part<I, R, Group>[] {
  const groups = [...Map.groupBy(entries, (entry) => groupOf(entry.item))];
  const middle = Math.ceil(groups.length / 2);
  return [groups.slice(0, middle), groups.slice(middle)]
    .filter((half) => half.length > 0)
    .map((half) => ({
      group: groups.length === 1 ? (half[0]?.[0] ?? null) : null,
      entries: half.flatMap(([, members]) => members),
    }));
}
