import { AbortError, ConnectionError, TimeoutError } from '../errors.ts';
import { RushesError } from '../rushes-error.ts';

/** Limits of an attempt. */
export interface AttemptScopeOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** The message for the limit that was reached. */
  readonly timeoutMessage: string;
  readonly requestId: string | undefined;
}

/**
 * Combines the caller's signal and the time limit of one attempt in one signal for fetch. It knows which of them ended
 * the attempt, because runtimes report this in different ways.
 */
export class AttemptScope {
  readonly #options: AttemptScopeOptions;
  readonly #controller = new AbortController();
  readonly #onAbort: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended: RushesError | null = null;

  constructor(options: AttemptScopeOptions) {
    this.#options = options;
    this.#onAbort = () => {
      const { signal, requestId } = this.#options;
      this.#end(new AbortError('The caller aborted the request.', { cause: signal?.reason, requestId }));
    };
    if (options.signal?.aborted === true) this.#onAbort();
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#ended === null) this.#startTimer(options.timeoutMs, options.timeoutMessage);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts the time limit again. For a streamed body, it limits the wait for each chunk. */
  extend(timeoutMs: number, message: string): void {
    if (this.#ended === null) this.#startTimer(timeoutMs, message);
  }

  /**
   * Stops the time limit while the reader of a stream handles a chunk, because then the server is not the slow side.
   */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Waits for `work`, or for the end of the scope if that comes first. So a fetch that ignores its signal cannot delay
   * the caller.
   */
  async race<T>(work: Promise<T>): Promise<T> {
    if (this.#ended !== null) {
      work.catch(() => undefined);
      throw this.#ended;
    }
    let onEnd = (): void => undefined;
    const end = new Promise<never>((_, reject) => {
      onEnd = () => reject(this.#ended ?? new RushesError('The connection was closed by the reader.'));
      this.#controller.signal.addEventListener('abort', onEnd, { once: true });
    });
    try {
      return await Promise.race([work, end]);
    } finally {
      this.#controller.signal.removeEventListener('abort', onEnd);
    }
  }

  /** The SDK's error for an error of fetch or of reading its body. */
  explain(error: unknown, doing: string): RushesError {
    if (this.#ended !== null) return this.#ended;
    const { requestId } = this.#options;
    const message = `${doing} failed: ${reasonOf(error)}.${howToRepeat(requestId)}`;
    return new ConnectionError(message, { cause: error, requestId });
  }

  /** Stops the timer and stops listening to the caller's signal. */
  close(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Closes the connection, for a body that is not needed any more. */
  cancel(): void {
    this.close();
    this.#controller.abort();
  }

  #startTimer(timeoutMs: number, message: string): void {
    clearTimeout(this.#timer);
    const { requestId } = this.#options;
    const end = (): void => this.#end(new TimeoutError(`${message}${howToRepeat(requestId)}`, { requestId }));
    this.#timer = setTimeout(end, timeoutMs);
  }

  #end(error: RushesError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.close();
    this.#controller.abort(error);
  }
}

function howToRepeat(requestId: string | undefined): string {
  return requestId === undefined
    ? ''
    : ` You can safely send it again with the request_id ${requestId}: the server carries it out only once.`;
}

/** The innermost message of a chain of causes, because fetch itself only says "fetch failed". */
function reasonOf(error: unknown): string {
  let reason = error;
  for (let depth = 0; depth < 5 && reason instanceof Error && reason.cause instanceof Error; depth += 1) {
    reason = reason.cause;
  }
  if (!(reason instanceof Error)) return String(reason);
  const code = 'code' in reason && typeof reason.code === 'string' ? reason.code : '';
  const message = reason.message === '' ? reason.name : reason.message;
  return code === '' || message.includes(code) ? message : `${code} ${message}`;
}
