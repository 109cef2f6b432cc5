/** The workers of a history: they start, die, are replaced, and stop at the end. */
import type { Worker } from '../../server/src/worker/worker.ts';
import type { Dice } from './dice.ts';
import type { SimulatedProcess } from './process.ts';
import { ROUTES, type World } from './world.ts';

interface Member {
  readonly process: SimulatedProcess;
  readonly started: Promise<Worker | null>;
  isStopping: boolean;
}

const LONGEST_ABSENCE_MS = 30_000;

export class WorkerFleet {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #servesAll: boolean;
  readonly #members: Member[] = [];
  /** Workers of which it is known for certain that they are dead. */
  readonly #dead: string[] = [];
  #isClosing = false;

  /** `servesAll`: no worker leaves a route to others. */
  constructor(world: World, dice: Dice, servesAll: boolean) {
    this.#world = world;
    this.#servesAll = servesAll;
    this.#dice = dice;
  }

  /** A mortal one may die before the end; at the end none is started any more but the one that clears up. */
  startLater(ms: number, isMortal = true): void {
    const { scheduler } = this.#world;
    scheduler.add({
      name: 'a worker is started',
      dueMs: scheduler.nowMs + ms,
      perform: () => (this.#isClosing && isMortal ? 'no more' : this.#start(isMortal)),
    });
  }

  #start(isMortal: boolean): string {
    const process = this.#world.process('worker', isMortal);
    const isPartial = isMortal && !this.#servesAll;
    const routes = isPartial ? this.#dice.pick([[ROUTES[0]], [ROUTES[1]], ROUTES, ROUTES]) : ROUTES;
    const { workerId, started } = this.#world.startWorker(process, routes, () => this.#dead);
    const member: Member = {
      process,
      isStopping: false,
      started: started.catch(() => {
        // The database was away: whatever runs the process starts it again.
        this.startLater(1_000, isMortal);
        return null;
      }),
    };
    this.#members.push(member);
    process.onCrash(() => {
      const { scheduler } = this.#world;
      if (this.#dice.chance(0.5)) {
        scheduler.add({
          name: `${process.name} is found dead`,
          dueMs: scheduler.nowMs + this.#dice.integer(0, 5_000),
          perform: () => {
            this.#dead.push(workerId);
            return '';
          },
        });
      }
      this.startLater(this.#dice.integer(0, LONGEST_ABSENCE_MS));
      return Promise.resolve();
    });
    return `${process.name} (${routes.join(', ')})`;
  }

  jumpClock(): void {
    const living = this.#members.filter(({ process }) => !process.isGone);
    if (living.length > 0) this.#dice.pick(living).process.jumpClock();
  }

  /** No more deaths; one worker that serves everything is there, and some of the others are told to stop. */
  close(): void {
    this.#isClosing = true;
    for (const member of this.#members) if (this.#dice.chance(0.8)) void this.#stop(member);
    this.#start(false);
  }

  async #stop(member: Member): Promise<void> {
    if (member.isStopping || member.process.isGone) return;
    member.isStopping = true;
    const worker = await member.started;
    await worker?.stop();
  }

  async stopAll(): Promise<void> {
    const stopped = this.#members.map((member) => (member.process.isGone ? Promise.resolve() : this.#stop(member)));
    await Promise.all(stopped);
  }
}
