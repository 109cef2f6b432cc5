/** A share of a second in which requests may come together; a quiet route does not save up more. */
const BURST_S = 0.05;

/** At most so many requests a second, on the average of any longer time (token bucket). */
export class RequestBudget {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#most = Math.max(1, perSecond * BURST_S);
    this.#left = this.#most;
    this.#filledAtMs = nowMs;
  }

  /** Milliseconds until another request may be sent; 0 for now. */
  waitMs(nowMs: number): number {
    if (this.#perSecond === Infinity) return 0;
    this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond);
    this.#filledAtMs = nowMs;
    return this.#left >= 1 ? 0 : ((1 - this.#left) / this.#perSecond) * 1_000;
  }

  spend(): void {
    this.#left -= 1;
  }
}
