import { RushesError } from '../rushes-error.ts';
import type { AttemptScope } from './attempt-scope.ts';

/** Name and time limit of a streamed answer. */
export interface BodyStreamOptions {
  /** Names the call in messages. */
  readonly label: string;
  /** The longest wait for one chunk. */
  readonly silenceMs: number;
}

/**
 * The bytes of a streamed answer; it can be read once. Iterating throws `ConnectionError` when the body is cut off,
 * `TimeoutError` when nothing arrives for too long, and `AbortError` when the caller's signal aborts. Leaving the loop
 * early closes the connection.
 */
export class BodyStream implements AsyncIterable<Uint8Array> {
  readonly response: Response;
  readonly #scope: AttemptScope;
  readonly #options: BodyStreamOptions;
  #used = false;

  constructor(response: Response, scope: AttemptScope, options: BodyStreamOptions) {
    this.response = response;
    this.#scope = scope;
    this.#options = options;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const { label, silenceMs } = this.#options;
    if (this.#used) throw new RushesError(`${label}: this stream was read already. Make the call again.`);
    this.#used = true;
    const reader = this.response.body?.getReader();
    let finished = reader === undefined;
    try {
      while (reader !== undefined && !finished) {
        this.#scope.extend(silenceMs, `${label}: nothing arrived for ${silenceMs} ms.`);
        const chunk = await this.#scope.race(reader.read());
        this.#scope.pause();
        finished = chunk.done;
        if (chunk.done) break;
        yield chunk.value;
      }
    } catch (error) {
      throw this.#scope.explain(error, label);
    } finally {
      if (finished) this.#scope.close();
      else this.cancel();
    }
  }

  /** Closes the connection. */
  cancel(): void {
    this.#used = true;
    this.#scope.cancel();
  }

  /** The same bytes as a web stream. */
  toReadableStream(): ReadableStream<Uint8Array> {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      // A generator that waits for a chunk cannot be stopped before the chunk arrives, so the connection is closed
      // instead.
      cancel: () => this.cancel(),
    });
  }
}
