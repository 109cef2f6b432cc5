/** One step at a time, chosen from a seed; the only thing that moves virtual time. */
import type { Dice } from './dice.ts';
import type { Trace } from './trace.ts';

export interface Step {
  readonly name: string;
  /** Virtual time before which it does not happen. */
  dueMs: number;
  /** Whether it may happen at this moment; absent: always. */
  readonly isAllowed?: () => boolean;
  /** Resolves with what came of it, for the trace, when nothing of it is under way any more. */
  readonly perform: () => Promise<string> | string;
}

/** Why `run` came back. */
export type RunEnd = 'done' | 'idle' | 'time' | 'steps';

export class Scheduler {
  readonly dice: Dice;
  readonly trace: Trace;
  readonly #steps = new Set<Step>();
  #nowMs = 0;
  #changes = 0;

  constructor(dice: Dice, trace: Trace) {
    this.dice = dice;
    this.trace = trace;
  }

  /** Virtual time since the history began; what the database's clock and every process's clock are made of. */
  get nowMs(): number {
    return this.#nowMs;
  }

  add(step: Step): Step {
    this.#steps.add(step);
    this.#changes += 1;
    return step;
  }

  remove(step: Step): void {
    if (this.#steps.delete(step)) this.#changes += 1;
  }

  /**
   * Performs step after step until `isDone`, or nothing is left that could happen, or virtual time or the number of
   * steps has reached its bound. `isDone` is asked after every step.
   */
  async run(
    isDone: () => Promise<boolean> | boolean,
    bounds: { readonly untilMs: number; readonly maxSteps: number },
  ): Promise<RunEnd> {
    for (let steps = 0; steps < bounds.maxSteps; steps += 1) {
      await this.#quiet();
      if (await isDone()) return 'done';
      const step = this.#choose(bounds.untilMs);
      if (typeof step === 'string') return step;
      this.#steps.delete(step);
      const atMs = this.#nowMs;
      const result = await step.perform();
      this.trace.add(atMs, step.name, result);
    }
    return 'steps';
  }

  /**
   * Lets everything in this process go as far as it can: microtasks and ticks run before an immediate does, and nothing
   * here waits for a real timer or socket outside a step.
   */
  async #quiet(): Promise<void> {
    for (let before = -1; before !== this.#changes;) {
      before = this.#changes;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #choose(untilMs: number): Step | 'idle' | 'time' {
    const allowed = [...this.#steps].filter((step) => step.isAllowed?.() ?? true);
    if (allowed.length === 0) return 'idle';
    const earliestMs = allowed.reduce((least, step) => Math.min(least, step.dueMs), Infinity);
    if (earliestMs > untilMs) return 'time';
    this.#nowMs = Math.max(this.#nowMs, Math.ceil(earliestMs));
    return this.dice.pick(allowed.filter((step) => step.dueMs <= this.#nowMs));
  }
}
