import type { Clock, VideoStorage } from '../../ports.ts';

/** A storage that can tell how much more it takes. */
export interface MeasuredStorage extends VideoStorage {
  freeBytes(): Promise<number>;
}

/** Some 20 clips of the largest kind: what is under way when the floor is reached must still find room. */
const FREE_BYTES_MIN = 512 * 1024 * 1024;
const LOOK_INTERVAL_MS = 1_000;

/** Whether there is room for what would be dispatched: a video that cannot be stored was paid for in vain. */
export class FreeSpace {
  readonly #storage: Pick<MeasuredStorage, 'freeBytes'>;
  readonly #clock: Clock;
  #lookAtMs = -Infinity;
  #isEnough = true;

  constructor(storage: Pick<MeasuredStorage, 'freeBytes'>, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  async isEnough(): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#lookAtMs) {
      this.#isEnough = (await this.#storage.freeBytes()) >= FREE_BYTES_MIN;
      this.#lookAtMs = nowMs + LOOK_INTERVAL_MS;
    }
    return this.#isEnough;
  }
}
