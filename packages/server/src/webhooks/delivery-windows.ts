/**
 * How many attempts each endpoint may have under way. Every endpoint has a window of its own, which quick answers widen
 * and failures narrow, and all slow endpoints together hold at most half of the slots: whatever some receivers do, a
 * quick one finds a free slot. One that does nothing but fail is asked about once a second: that finds out when it is
 * back, and neither burns the attempts of all that waits for it nor takes the database's time from settlements.
 */
import type { Clock } from '../ports.ts';
import type { Allotment } from './claim-deliveries.ts';
import type { EndpointPosition } from './fan-out.ts';
import {
  FAILURES_BEFORE_REST,
  FIRST_WINDOW,
  MAX_CONCURRENT_ATTEMPTS,
  MAX_SLOW_ATTEMPTS,
  MAX_WINDOW,
  REST_MS,
  SLOW_ANSWER_MS,
} from './limits.ts';

interface Window {
  size: number;
  active: number;
  slow: boolean;
  /** Attempts in a row that were not accepted. */
  failures: number;
  /** By the clock's monotonic milliseconds: not before then. */
  restsUntilMs: number;
}

export interface WindowLimits {
  readonly maxConcurrentAttempts: number;
  readonly maxSlowAttempts: number;
}

export interface AttemptOutcome {
  readonly accepted: boolean;
  readonly durationMs: number;
}

const DEFAULT_LIMITS: WindowLimits = {
  maxConcurrentAttempts: MAX_CONCURRENT_ATTEMPTS,
  maxSlowAttempts: MAX_SLOW_ATTEMPTS,
};

export class DeliveryWindows {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #limits: WindowLimits;
  readonly #windows = new Map<string, Window>();
  #active = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, limits: WindowLimits = DEFAULT_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get active(): number {
    return this.#active;
  }

  /** How many more attempts each endpoint gets now: one after the other in turns, so that none takes all. */
  allot<E extends EndpointPosition>(endpoints: readonly E[]): (Allotment & { readonly endpoint: E })[] {
    let free = this.#limits.maxConcurrentAttempts - this.#active;
    let freeSlow = this.#limits.maxSlowAttempts - this.#slowActive();
    const nowMs = this.#clock.monotonicMs();
    const shares = endpoints
      .map((endpoint) => ({ endpoint, window: this.#windowOf(endpoint), room: 0 }))
      .filter(({ window }) => window.restsUntilMs <= nowMs);
    for (let given = true; given && free > 0;) {
      given = false;
      for (const share of shares) {
        if (free === 0) break;
        if (share.window.active + share.room >= share.window.size || (share.window.slow && freeSlow <= 0)) continue;
        share.room += 1;
        free -= 1;
        if (share.window.slow) freeSlow -= 1;
        given = true;
      }
    }
    return shares
      .filter(({ room }) => room > 0)
      .map(({ endpoint, room }) => ({
        account_id: endpoint.account_id,
        endpoint_id: endpoint.endpoint_id,
        room,
        endpoint,
      }));
  }

  begin(endpoint: EndpointPosition): void {
    const key = keyOf(endpoint);
    const window = this.#windowOf(endpoint);
    this.#windows.set(key, window);
    window.active += 1;
    this.#active += 1;
  }

  end(endpoint: EndpointPosition, { accepted, durationMs }: AttemptOutcome): void {
    const window = this.#windowOf(endpoint);
    window.active -= 1;
    this.#active -= 1;
    window.slow = durationMs >= SLOW_ANSWER_MS;
    if (accepted && !window.slow) window.size = Math.min(MAX_WINDOW, window.size * 2);
    else if (accepted) window.size = Math.min(FIRST_WINDOW, window.size * 2);
    else window.size = window.slow ? 1 : Math.max(1, Math.floor(window.size / 2));
    window.failures = accepted ? 0 : window.failures + 1;
    window.restsUntilMs = window.failures >= FAILURES_BEFORE_REST ? this.#clock.monotonicMs() + REST_MS : 0;
    // One that behaves like an unknown one need not be remembered.
    if (window.active === 0 && accepted && !window.slow && window.size >= FIRST_WINDOW)
      this.#windows.delete(keyOf(endpoint));
  }

  #windowOf(endpoint: EndpointPosition): Window {
    return (
      this.#windows.get(keyOf(endpoint)) ?? { size: FIRST_WINDOW, active: 0, slow: false, failures: 0, restsUntilMs: 0 }
    );
  }

  #slowActive(): number {
    let active = 0;
    for (const window of this.#windows.values()) if (window.slow) active += window.active;
    return active;
  }
}

function keyOf({ account_id, endpoint_id }: EndpointPosition): string {
  return `${account_id}/${endpoint_id}`;
}
