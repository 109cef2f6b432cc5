/** One simulated operating system process: everything that it does to the outside is a step of the scheduler. */
import type { Clock, Random } from '../../server/src/ports.ts';
import type { Channel, Chaos } from './chaos.ts';
import { seededRandom, type Dice } from './dice.ts';
import type { Scheduler, Step } from './scheduler.ts';
import type { Outcome } from './sessions.ts';
import { EPOCH } from './settable-database.ts';

export interface Call<T> {
  readonly channel: Channel;
  readonly name: string;
  readonly isAllowed?: () => boolean;
  /** Is part of something that goes with the process, such as a transaction: it does not arrive after a crash. */
  readonly diesWithProcess?: boolean;
  /** Acts, calls `end` with what came of it, now or in a later step, and says for the trace what happened. */
  readonly act: (end: (outcome: Outcome<T>, delayMs?: number) => Promise<void>) => Promise<string>;
  /** What the caller sees when the call or its answer is lost. */
  readonly lost: () => Outcome<T>;
}

export interface ProcessWorld {
  readonly scheduler: Scheduler;
  readonly chaos: Chaos;
  /** Nothing that is sent there arrives. */
  isAway(channel: Channel): boolean;
  /** Shortest and longest time for which a process is stopped. */
  readonly settings: { readonly stopMs: readonly [number, number] };
}

export class SimulatedProcess {
  readonly name: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly #world: ProcessWorld;
  readonly #dice: Dice;
  readonly #isMortal: boolean;
  readonly #calls = new Map<Step, boolean>();
  readonly #sleeps = new Map<Step, number>();
  readonly #onCrash: (() => Promise<void>)[] = [];
  #stoppedUntilMs = 0;
  /** What its storage last told it: null before it has asked. */
  hasRoom: boolean | null = null;
  /** The worker that runs in it; null: none does. */
  workerId: string | null = null;
  /** Its next statement stands still at this point inside. */
  standsNext: { readonly point: number; readonly ms: number } | null = null;
  #isGone = false;
  #clockAheadMs: number;
  #wallAheadMs: number;

  constructor(world: ProcessWorld, name: string, isMortal: boolean) {
    const { scheduler } = world;
    this.#world = world;
    this.name = name;
    this.#isMortal = isMortal;
    this.#dice = scheduler.dice.fork(name);
    this.#clockAheadMs = this.#dice.integer(0, 1_000_000_000);
    this.#wallAheadMs = isMortal ? this.#dice.integer(-7_200_000, 7_200_000) : 0;
    this.random = seededRandom(this.#dice, () => this.clock.now().getTime());
    this.clock = {
      monotonicMs: () => scheduler.nowMs + this.#clockAheadMs,
      now: () => new Date(EPOCH.getTime() + scheduler.nowMs + this.#wallAheadMs),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get isMortalWorker(): boolean {
    return this.#isMortal && this.workerId !== null;
  }

  get isStopped(): boolean {
    return this.#world.scheduler.nowMs < this.#stoppedUntilMs;
  }

  /** Runs when the process dies, within the same step. */
  onCrash(act: () => Promise<void>): void {
    this.#onCrash.push(act);
  }

  /** One exchange with the outside. Never settles when the process dies first. */
  call<T>(call: Call<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#isGone) this.#send(call, resolve, reject, this.#world.chaos.latencyMs());
    });
  }

  #send<T>(call: Call<T>, resolve: (value: T) => void, reject: (reason: unknown) => void, latencyMs: number): void {
    const { scheduler, chaos } = this.#world;
    const deliver = (outcome: Outcome<T>, delayMs = 0): void => {
      if (this.#isGone) return;
      const hand = (): void => {
        if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      };
      if (delayMs === 0 && !this.isStopped) hand();
      else this.#later(`${this.name} hears of ${call.name}`, delayMs, hand);
    };
    const step: Step = {
      name: `${this.name} ${call.name}`,
      dueMs: scheduler.nowMs + latencyMs,
      ...(call.isAllowed === undefined ? {} : { isAllowed: call.isAllowed }),
      perform: async () => {
        this.#calls.delete(step);
        if (this.#world.isAway(call.channel)) {
          deliver(call.lost());
          return 'finds nobody there';
        }
        const { before, after } = chaos.strike(call.name, call.channel, this.#isMortal && !this.#isGone);
        if (before === 'crash') return this.crash();
        if (before === 'stop') {
          const said = this.stop();
          // Held back in a buffer, or on its way already.
          this.#send(call, resolve, reject, this.#dice.chance(0.6) ? this.#stoppedUntilMs - scheduler.nowMs : 1);
          return said;
        }
        if (before === 'lost') {
          deliver(call.lost());
          return 'is lost';
        }
        let said = '';
        const did = await call.act(async (outcome, delayMs) => {
          if (after === 'crash' && !this.#isGone) said = `, ${await this.crash()}`;
          else if (after === 'stop' && !this.#isGone) said = `, ${this.stop()}`;
          else if (after === 'lost') said = ', its answer is lost';
          else if (after === 'slow') said = ', its answer is slow';
          deliver(after === 'lost' ? call.lost() : outcome, delayMs ?? (after === 'slow' ? chaos.slowMs() : 0));
        });
        return did + said;
      },
    };
    this.#calls.set(step, call.diesWithProcess ?? false);
    scheduler.add(step);
  }

  /** Something that reaches this process once it runs. */
  #later(name: string, delayMs: number, act: () => void): void {
    const { scheduler } = this.#world;
    const step: Step = {
      name,
      dueMs: scheduler.nowMs + delayMs,
      isAllowed: () => !this.isStopped,
      perform: () => {
        this.#calls.delete(step);
        act();
        return '';
      },
    };
    this.#calls.set(step, true);
    scheduler.add(step);
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { scheduler } = this.#world;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      if (this.#isGone) return;
      const abort = (): void => {
        scheduler.remove(step);
        this.#sleeps.delete(step);
        reject(signal?.reason as Error);
      };
      const step: Step = {
        name: `${this.name} wakes`,
        dueMs: scheduler.nowMs + Math.max(0, ms),
        isAllowed: () => !this.isStopped,
        perform: () => {
          this.#sleeps.delete(step);
          signal?.removeEventListener('abort', abort);
          resolve();
          return '';
        },
      };
      this.#sleeps.set(step, step.dueMs);
      signal?.addEventListener('abort', abort, { once: true });
      scheduler.add(step);
    });
  }

  /** It is gone at once. What it had sent arrives all the same, or does not; nobody hears the answer. */
  async crash(): Promise<string> {
    if (this.#isGone) return 'was gone';
    this.#isGone = true;
    const { scheduler } = this.#world;
    for (const step of this.#sleeps.keys()) scheduler.remove(step);
    for (const [step, diesToo] of this.#calls) if (diesToo || this.#dice.chance(0.5)) scheduler.remove(step);
    for (const act of this.#onCrash) await act();
    return `${this.name} CRASHES`;
  }

  /** Like SIGSTOP, and SIGCONT after a while. */
  stop(ms = this.#drawnStopMs()): string {
    const { scheduler } = this.#world;
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, scheduler.nowMs + ms);
    scheduler.add({ name: `${this.name} continues`, dueMs: this.#stoppedUntilMs, perform: () => '' });
    // What it has handed over to its kernel is sent, what it has not waits.
    for (const [step] of this.#calls)
      if (this.#dice.chance(0.5)) step.dueMs = Math.max(step.dueMs, this.#stoppedUntilMs);
    return `${this.name} STOPS for ${ms} ms`;
  }

  #drawnStopMs(): number {
    const [shortest, longest] = this.#world.settings.stopMs;
    return Math.floor(shortest * (longest / shortest) ** this.#dice.fraction());
  }

  /** Its clocks jump: time that it did not notice has passed, or its wall clock was set. */
  jumpClock(): string {
    const ms = this.#dice.integer(1, 120_000);
    this.#clockAheadMs += ms;
    this.#wallAheadMs += this.#dice.integer(-3_600_000, 3_600_000);
    for (const step of this.#sleeps.keys()) step.dueMs -= ms;
    return `${this.name}'s clock jumps by ${ms} ms`;
  }
}
