/** Enough to know a model's habits, few enough to follow when they change. */
const KEPT = 64;
const FEWEST = 8;
const EARLY = 0.05;
const LATE = 0.95;
/** Where questions are scarce, the first is asked when most generations have ended. */
const MOST = 0.75;
/** Before the first plausible end there is little to see. */
const PLAUSIBLE_SHARE = 0.9;
/** Questions spread over the time in which most generations end. */
const QUESTIONS = 8;
/** Without experience, and past all of it: a share of the age, so that the delay of a result stays in proportion. */
const SHARE_OF_AGE = 0.1;

interface Window {
  /** The last ones, in no order; `known` of them. */
  readonly times: Float64Array;
  known: number;
  next: number;
  /** Observed since the bounds were worked out. */
  unseen: number;
  earlyMs: number;
  mostMs: number;
  lateMs: number;
}

/** How long generations of each model took lately on one route, and from that how long to wait before the next question. */
export class CompletionTimes {
  readonly #windows = new Map<string, Window>();

  /**
   * A generation was seen to have succeeded at this age, and to run still at that one (0: never asked). It ended somewhere
   * between: taking the later for its end would make late questions look like slow generations, and then be later still.
   */
  observe(model: string, runningAtMs: number, succeededAtMs: number): void {
    const window = this.#windows.get(model) ?? this.#open(model);
    const sinceMs = Math.min(succeededAtMs, Math.max(runningAtMs, window.earlyMs * PLAUSIBLE_SHARE));
    window.times[window.next] = (sinceMs + succeededAtMs) / 2;
    window.next = (window.next + 1) % KEPT;
    window.known = Math.min(KEPT, window.known + 1);
    window.unseen += 1;
    // Sorting for each of ten thousand generations a second would be much of what the worker does.
    if (window.unseen < window.known / FEWEST) return;
    window.unseen = 0;
    // Of an array of floats: by number and without calling anything, at a sixth of the time.
    const sorted = window.times.slice(0, window.known).sort();
    window.earlyMs = sorted[Math.floor((sorted.length - 1) * EARLY)] ?? 0;
    window.mostMs = sorted[Math.floor((sorted.length - 1) * MOST)] ?? 0;
    window.lateMs = sorted[Math.ceil((sorted.length - 1) * LATE)] ?? 0;
  }

  /**
   * The pause before the next question about a generation of this age, between the route's shortest and longest. Where
   * questions are scarce (more are due than the route may be sent), none is spent on a generation that can hardly have ended.
   */
  pauseMs(model: string, ageMs: number, [shortestMs, longestMs]: readonly [number, number], areScarce = false): number {
    const window = this.#windows.get(model);
    if (areScarce && window !== undefined && window.known >= FEWEST && ageMs < window.lateMs) {
      return Math.max(shortestMs, (ageMs < window.mostMs ? window.mostMs : window.lateMs) - ageMs);
    }
    return Math.min(longestMs, Math.max(shortestMs, this.#wishedMs(model, ageMs)));
  }

  #open(model: string): Window {
    const times = new Float64Array(KEPT);
    const window = { times, known: 0, next: 0, unseen: 0, earlyMs: 0, mostMs: 0, lateMs: 0 };
    this.#windows.set(model, window);
    return window;
  }

  #wishedMs(model: string, ageMs: number): number {
    const window = this.#windows.get(model);
    if (window === undefined || window.known < FEWEST || ageMs > window.lateMs) return ageMs * SHARE_OF_AGE;
    const plausibleMs = window.earlyMs * PLAUSIBLE_SHARE;
    return ageMs < plausibleMs ? plausibleMs - ageMs : (window.lateMs - plausibleMs) / QUESTIONS;
  }
}
