import type { Clock, Random } from '../../ports.ts';

const FIRST_PAUSE_MS = 1_000;
/** One submission in so long tells that the upstream is back; a minute more would be a minute in which nothing runs. */
const LONGEST_PAUSE_MS = 15_000;
/** An upstream may ask for more than we would choose, but not for a day. */
const LONGEST_ASKED_PAUSE_MS = 60_000;

/** How often a task that may not be sent asks whether the one that tries the upstream out has been answered. */
const PROBE_LOOK_MS = 250;

export type Admission =
  { readonly admitted: true; readonly isProbe: boolean } | { readonly admitted: false; readonly retryInMs: number };

/**
 * Keeps a route closed for a while after its upstream said that it cannot take more, or could not be reached. Pauses
 * double up to 15 s, or are as long as the upstream asks; then one submission at a time goes through until one succeeds.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #random: Random;
  #failures = 0;
  #openUntilMs = 0;
  #probing = false;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether the route is closed, or is being tried out. */
  get isOpen(): boolean {
    return this.#failures > 0;
  }

  /** How many more submissions the route may be handed: none while it is closed, one when it may be tried out. */
  capacity(wanted: number): number {
    if (this.#failures === 0) return wanted;
    if (this.#probing || this.#clock.monotonicMs() < this.#openUntilMs) return 0;
    return Math.min(1, wanted);
  }

  /** Asks to send one submission. Every admission is followed by `succeeded`, `failed` or `forget`. */
  admit(): Admission {
    if (this.#failures === 0) return { admitted: true, isProbe: false };
    const waitMs = this.#openUntilMs - this.#clock.monotonicMs();
    if (waitMs > 0) return { admitted: false, retryInMs: waitMs };
    if (this.#probing) return { admitted: false, retryInMs: PROBE_LOOK_MS };
    this.#probing = true;
    return { admitted: true, isProbe: true };
  }

  /** The upstream answered a submission, whatever the answer was. */
  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  /** The upstream is out of reach or out of capacity. */
  failed(retryAfterMs: number | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    this.#probing = false;
    // Submissions that were in the air together count as one failure.
    if (this.#failures > 0 && nowMs < this.#openUntilMs) return;
    this.#failures += 1;
    const backoffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    const pauseMs = retryAfterMs === undefined ? backoffMs : Math.min(LONGEST_ASKED_PAUSE_MS, retryAfterMs);
    this.#openUntilMs = nowMs + pauseMs * (1 + this.#random.fraction() / 4);
  }

  /** A submission ended without a word about the upstream: nothing was sent after all. */
  forget(admission: Admission): void {
    if (admission.admitted && admission.isProbe) this.#probing = false;
  }
}
