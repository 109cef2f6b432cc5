import type { Clock } from '../ports.ts';

export interface CoalescerOptions<I, R> {
  /** Handles many items in one call and answers them in order. */
  readonly flush: (items: readonly I[]) => Promise<readonly R[]>;
  readonly clock: Clock;
  /** How long the first item of a call waits for others. */
  readonly windowMs: number;
  readonly maxItems: number;
  /**
   * What to do when a call failed. `retry`: the whole call again after the pause, as often as needed. `split`: something
   * in it may be poisoned, so its halves are tried apart; a single item that fails is tried again after the pause.
   */
  readonly onError: (error: unknown, items: readonly I[], failuresInARow: number) => { readonly action: 'retry' | 'split'; readonly pauseMs: number };
  /** Items with the same group are never separated by a split. */
  readonly groupOf?: (item: I) => string;
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
  /** Calls that failed and wait for another try; they do not hold up what comes after them. */
  const apart = new Set<Promise<void>>();

  const handle = async (entries: readonly Waiting<I, R>[]): Promise<void> => {
    for (let failures = 0; ; ) {
      try {
        const answers = await options.flush(entries.map((entry) => entry.item));
        entries.forEach((entry, at) => {
          const answer = answers[at];
          if (answer === undefined) entry.reject(new Error('a coalesced call left an item without an answer'));
          else entry.resolve(answer);
        });
        return;
      } catch (error) {
        failures += 1;
        const { action, pauseMs } = options.onError(error, entries.map((entry) => entry.item), failures);
        const halves = action === 'split' ? split(entries, options.groupOf) : null;
        if (halves !== null) {
          for (const half of halves) startApart(half);
          return;
        }
        if (!(await pause(pauseMs))) {
          for (const entry of entries) entry.reject(new CoalescerStopped('stopped before the call succeeded'));
          return;
        }
      }
    }
  };

  const pause = async (ms: number): Promise<boolean> => {
    try {
      await options.clock.sleep(ms, giveUp.signal);
      return true;
    } catch {
      return false;
    }
  };

  const startApart = (entries: readonly Waiting<I, R>[]): void => {
    const work = handle(entries).finally(() => apart.delete(work));
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
        waiting.push({ item, resolve, reject });
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

/** Two halves by group, or null when everything is of one group. */
function split<I, R>(
  entries: readonly Waiting<I, R>[],
  groupOf: ((item: I) => string) | undefined,
): [Waiting<I, R>[], Waiting<I, R>[]] | null {
  const groups = new Map<string, Waiting<I, R>[]>();
  entries.forEach((entry, at) => {
    const group = groupOf === undefined ? String(at) : groupOf(entry.item);
    const list = groups.get(group);
    if (list === undefined) groups.set(group, [entry]);
    else list.push(entry);
  });
  if (groups.size < 2) return null;
  const lists = [...groups.values()];
  const middle = Math.ceil(lists.length / 2);
  return [lists.slice(0, middle).flat(), lists.slice(middle).flat()];
}
