/** Every choice of a history, from its seed. */
import { createHash } from 'node:crypto';
import type { Random } from '../../server/src/ports.ts';
import { uuidV7 } from '../../server/src/system/index.ts';

/** A seeded source of choices: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state. */
export class Dice {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    const hash = createHash('sha256').update(seed).digest();
    this.#seed = seed;
    this.#a = hash.readUInt32LE(0) | 0;
    this.#b = hash.readUInt32LE(4) | 0;
    this.#c = hash.readUInt32LE(8) | 0;
    this.#counter = hash.readUInt32LE(12) | 0;
  }

  /** A source of its own, so that more choices in one place do not change those in another. */
  fork(name: string): Dice {
    return new Dice(`${this.#seed}/${name}`);
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** Uniform among the whole numbers from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.integer(0, choices.length - 1)];
    if (chosen === undefined) throw new RangeError('there is nothing to choose from');
    return chosen;
  }

  /** The same things in another order (Fisher and Yates). */
  shuffled<T>(things: readonly T[]): T[] {
    const left = [...things];
    const shuffled: T[] = [];
    while (left.length > 0) shuffled.push(...left.splice(this.integer(0, left.length - 1), 1));
    return shuffled;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.integer(0, 255));
  }
}

/** The port, for one process of a history. */
export function seededRandom(dice: Dice, nowUnixMs: () => number): Random {
  return {
    bytes: (length) => dice.bytes(length),
    uuid: () => uuidV7(Math.floor(nowUnixMs()), dice.bytes(10)),
    fraction: () => dice.fraction(),
  };
}
