/** Waiting entries are dropped from the front of their list in lots, since taking one out moves all behind it. */
const LOT = 1_024;

/** So many at once and no more; the others wait, and get their turn in the order in which they came. */
export class Slots {
  #free: number;
  #waiting: (() => void)[] = [];
  /** Those of the list before it have had their turn. */
  #first = 0;

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a slot, at once (null) or when it resolves. Each is followed by one `give`. */
  take(): Promise<void> | null {
    if (this.#free > 0) {
      this.#free -= 1;
      return null;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Gives a slot to whoever waits longest for one. */
  give(): void {
    const next = this.#waiting[this.#first];
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#first += 1;
    if (this.#first === this.#waiting.length || this.#first === LOT) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
    next();
  }
}
