/** Some 10 MB at worst, and at full speed the submissions of a quarter of an hour. */
const KEPT = 50_000;

/**
 * The ids that an upstream gave this worker's submissions lately. One id for two of them stands for one generation: its
 * video would be sold twice, so the second submission is treated like one without an answer.
 */
export class SubmittedIds {
  readonly #kept: number;
  readonly #ids = new Set<string>();

  constructor(kept = KEPT) {
    this.#kept = kept;
  }

  /** False for an id that another submission was given. */
  add(upstreamId: string): boolean {
    if (this.#ids.has(upstreamId)) return false;
    this.#ids.add(upstreamId);
    if (this.#ids.size > this.#kept) {
      // A set remembers the order in which it was filled.
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return true;
  }
}
