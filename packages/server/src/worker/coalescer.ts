import type { Clock } from '../ports.ts';

/**
 * `retry`: no call can succeed now, so the whole call again. `set-apart`: one group cannot be handled now; it is found by
 * halves, set apart and tried again with what is added to it meanwhile, while the others go on. `split`: something may be
 * poisoned; likewise, and inside its group it is found by halves too, so that one item never keeps the rest.
 */
export type FailedCall = 'retry' | 'set-apart' | 'split';

export interface CoalescerOptions<I, R> {
  /** Handles many items in one call and answers them in order. */
  readonly flush: (items: readonly I[]) => Promise<readonly R[]>;
  readonly clock: Clock;
  /** How long the first item of a call waits for others. */
  readonly windowMs: number;
  readonly maxItems: number;
  /** What to do when a call failed, and how long to wait before the next try. */
  readonly onError: (error: unknown, items: readonly I[], failuresInARow: number) => { readonly action: FailedCall; readonly pauseMs: number };
  /** Items of one group stay together unless one of them is poisoned. */
  readonly groupOf: (item: I) => string;
}

/**
 * Gathers single calls into few: what arrives within a short window, or while an earlier call is under way, goes
 * together. No item is given up before `stop`: its promise settles when it has been handled.
 */
export interface Coalescer<I, R> {
  add(item: I): Promise<R>;
  /** Handles what is left, trying failed calls until the deadline; then rejects what is still open. */
  stop(deadlineMs: number): Promise<void>;
}

interface Waiting<I, R> {
  readonly item: I;
  readonly resolve: (answer: R) => void;
  readonly reject: (reason: unknown) => void;
}

export class CoalescerStopped extends Error {
  override readonly name = 'CoalescerStopped';
}

export function createCoalescer<I, R>(options: CoalescerOptions<I, R>): Coalescer<I, R> {
  let waiting: Waiting<I, R>[] = [];
  let running: Promise<void> | null = null;
  const giveUp = new AbortController();
  /** Work beside the main line: halves of a call that failed, and groups set apart. */
  const apart = new Set<Promise<void>>();
  /** What was added to a group since it was set apart. */
  const setApart = new Map<string, Waiting<I, R>[]>();

  const call = async (entries: readonly Waiting<I, R>[]): Promise<void> => {
    const answers = await options.flush(entries.map((entry) => entry.item));
    entries.forEach((entry, at) => {
      const answer = answers[at];
      if (answer === undefined) entry.reject(new Error('a coalesced call left an item without an answer'));
      else entry.resolve(answer);
    });
  };

  const handle = async (entries: readonly Waiting<I, R>[]): Promise<void> => {
    for (let failures = 1; ; failures += 1) {
      try {
        await call(entries);
        return;
      } catch (error) {
        const { action, pauseMs } = options.onError(error, entries.map((entry) => entry.item), failures);
        if (action !== 'retry') {
          for (const part of split(entries, options.groupOf)) {
            startApart(part.group === null ? handle(part.entries) : insist(part.group, part.entries, pauseMs));
          }
          return;
        }
        if (!(await pause(pauseMs))) {
          giveUpOn(entries);
          return;
        }
      }
    }
  };

  /** Tries one group until all of it has succeeded. */
  const insist = async (group: string, first: readonly Waiting<I, R>[], firstPauseMs: number): Promise<void> => {
    const earlier = setApart.get(group);
    if (earlier !== undefined) {
      earlier.push(...first);
      return;
    }
    const added: Waiting<I, R>[] = [];
    setApart.set(group, added);
    let open = [...first];
    let pauseMs = firstPauseMs;
    for (let failures = 2; open.length > 0; failures += 1) {
      if (await pause(pauseMs)) {
        const failed = await tryByHalves(open, failures);
        open = failed.entries;
        pauseMs = failed.pauseMs;
      } else {
        giveUpOn(open);
        open = [];
      }
      open.push(...added.splice(0, options.maxItems - open.length));
    }
    setApart.delete(group);
  };

  const tryByHalves = async (
    entries: readonly Waiting<I, R>[],
    failures: number,
  ): Promise<{ readonly entries: Waiting<I, R>[]; readonly pauseMs: number }> => {
    try {
      await call(entries);
      return { entries: [], pauseMs: 0 };
    } catch (error) {
      const { action, pauseMs } = options.onError(error, entries.map((entry) => entry.item), failures);
      if (action !== 'split' || entries.length === 1) return { entries: [...entries], pauseMs };
      const middle = Math.ceil(entries.length / 2);
      const left = await tryByHalves(entries.slice(0, middle), failures);
      const right = await tryByHalves(entries.slice(middle), failures);
      return { entries: [...left.entries, ...right.entries], pauseMs };
    }
  };

  const giveUpOn = (entries: readonly Waiting<I, R>[]): void => {
    for (const entry of entries) entry.reject(new CoalescerStopped('stopped before the call succeeded'));
  };

  const pause = async (ms: number): Promise<boolean> => {
    try {
      await options.clock.sleep(ms, giveUp.signal);
      return true;
    } catch {
      return false;
    }
  };

  const startApart = (started: Promise<void>): void => {
    const work = started.finally(() => apart.delete(work));
    apart.add(work);
  };

  const run = async (): Promise<void> => {
    await pause(options.windowMs);
    while (waiting.length > 0) {
      const entries = waiting.slice(0, options.maxItems);
      waiting = waiting.slice(options.maxItems);
      await handle(entries);
    }
  };

  const start = (): void => {
    running ??= run().finally(() => {
      running = null;
      if (waiting.length > 0) start();
    });
  };

  return {
    add(item) {
      return new Promise<R>((resolve, reject) => {
        if (giveUp.signal.aborted) {
          reject(new CoalescerStopped('stopped'));
          return;
        }
        const entry = { item, resolve, reject };
        const added = setApart.get(options.groupOf(item));
        if (added !== undefined) {
          added.push(entry);
          return;
        }
        waiting.push(entry);
        start();
      });
    },
    async stop(deadlineMs) {
      const idle = (async () => {
        while (running !== null || apart.size > 0) {
          await running;
          await Promise.all(apart);
        }
      })();
      const deadline = new AbortController();
      await Promise.race([
        idle,
        options.clock.sleep(deadlineMs, deadline.signal).catch(() => undefined),
      ]);
      deadline.abort();
      giveUp.abort();
      await idle;
    },
  };
}

interface Part<I, R> {
  /** Set when everything in it is of one group. */
  readonly group: string | null;
  readonly entries: readonly Waiting<I, R>[];
}

/** Two halves, or the whole when it is of one group. */
function split<I, R>(entries: readonly Waiting<I, R>[], groupOf: (item: I) => string): Part<I, R>[] {
  const groups = [...Map.groupBy(entries, (entry) => groupOf(entry.item))];
  const middle = Math.ceil(groups.length / 2);
  return [groups.slice(0, middle), groups.slice(middle)]
    .filter((half) => half.length > 0)
    .map((half) => ({
      group: groups.length === 1 ? (half[0]?.[0] ?? null) : null,
      entries: half.flatMap(([, members]) => members),
    }));
}
