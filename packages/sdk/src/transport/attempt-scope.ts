import { AbortError, ConnectionError, TimeoutError } from '../errors.ts';
import { RushesError } from '../rushes-error.ts';

/** What ends an attempt early. */
export interface AttemptScopeOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** Says which limit ran out. */
  readonly timeoutMessage: string;
  readonly requestId: string | undefined;
}

/**
 * The life of one attempt: the caller's signal and the time limit in one signal for fetch, and the knowledge of which
 * of them ended it, since fetch reports both in ways that differ between runtimes.
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

  /** Starts the time limit afresh: once a streamed body has begun, it bounds the wait for each chunk. */
  extend(timeoutMs: number, message: string): void {
    if (this.#ended === null) this.#startTimer(timeoutMs, message);
  }

  /** Stops the time limit while the reader of a stream is busy with what it has: that is not the server's silence. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** `work`, or the end of the scope if that comes first: a fetch that ignores its signal cannot hold up the caller. */
  async race<T>(work: Promise<T>): Promise<T> {
    if (this.#ended !== null) {
      work.catch(() => undefined);
      throw this.#ended;
    }
    let onEnd = (): void => undefined;
    const end = new Promise<never>((_, reject) => {
      onEnd = () => reject(this.#ended ?? new RushesError('The connection was closed on purpose.'));
      this.#controller.signal.addEventListener('abort', onEnd, { once: true });
    });
    try {
      return await Promise.race([work, end]);
    } finally {
      this.#controller.signal.removeEventListener('abort', onEnd);
    }
  }

  /** What `error`, thrown by fetch or by reading its body, means to the caller. */
  explain(error: unknown, doing: string): RushesError {
    if (this.#ended !== null) return this.#ended;
    const { requestId } = this.#options;
    const message = `${doing} failed: ${reasonOf(error)}.${howToRepeat(requestId)}`;
    return new ConnectionError(message, { cause: error, requestId });
  }

  /** Lets go of the timer and the caller's signal. */
  close(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Breaks the connection off, for a body that nobody wants any more. */
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
  return requestId === undefined ? '' : ` Repeated with request_id ${requestId}, it cannot have its effect twice.`;
}

/** The innermost message of a chain of causes: fetch itself only says "fetch failed". */
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
