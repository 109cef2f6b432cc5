import type { Clock, Random } from '../ports.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Keeps a route closed for a while after its upstream said that it cannot take more, or could not be reached. Pauses
 * double up to a minute; then one submission at a time goes through until one succeeds.
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

  /** How many more submissions the route may be handed: none while it is closed, one while it is tried out. */
  capacity(wanted: number): number {
    if (this.#failures === 0) return wanted;
    if (this.#clock.monotonicMs() < this.#openUntilMs) return 0;
    return Math.min(1, wanted);
  }

  /** Waits until this submission may be sent. */
  async admit(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failures === 0) return;
      const waitMs = this.#openUntilMs - this.#clock.monotonicMs();
      if (waitMs <= 0 && !this.#probing) {
        this.#probing = true;
        return;
      }
      await this.#clock.sleep(Math.max(waitMs, FIRST_PAUSE_MS / 4), signal);
    }
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
    const pauseMs = retryAfterMs === undefined ? backoffMs : Math.min(LONGEST_PAUSE_MS, retryAfterMs);
    this.#openUntilMs = nowMs + pauseMs * (1 + this.#random.fraction() / 4);
  }

  /** A probe ended without an answer about the upstream (its lease was lost, its task canceled). */
  forgetProbe(): void {
    this.#probing = false;
  }
}
