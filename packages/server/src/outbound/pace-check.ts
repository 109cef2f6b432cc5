import { Transform, type TransformCallback } from 'node:stream';
import { HttpFailure } from '../ports.ts';

const WINDOW_MS = 15_000;
/** 4 kB/s: at this pace the smallest clips take minutes, and whoever waits behind them as long. */
const LEAST_BYTES = 60_000;

/** Passes a stream on, and fails when too little comes in although its reader takes everything at once. */
export class PaceCheck extends Transform {
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  /** The reader held the stream back within this window, so that its pace says nothing about the sender. */
  #wasHeldBack = false;

  constructor(windowMs = WINDOW_MS) {
    super();
    this.#timer = setInterval(() => {
      this.#look(windowMs);
    }, windowMs);
  }

  #look(windowMs: number): void {
    const isSlow = this.#bytes < LEAST_BYTES && !this.#wasHeldBack && this.readableLength === 0;
    this.#bytes = 0;
    this.#wasHeldBack = this.readableLength > 0;
    if (isSlow) this.destroy(new HttpFailure('no_answer', `fewer than ${LEAST_BYTES} bytes in ${windowMs} ms`));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.readableLength > 0) this.#wasHeldBack = true;
    done(null, chunk);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    callback(error);
  }
}
