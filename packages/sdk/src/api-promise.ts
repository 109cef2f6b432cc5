import type { Answer } from './transport/answer.ts';

/** What `.withResponse()` resolves with. */
export interface WithResponse<T> {
  readonly data: T;
  /** The raw response. Its body has already been read, unless `data` is a stream. */
  readonly response: Response;
  /** Identifies this exchange in the server's logs; null when the server sent no id. */
  readonly traceId: string | null;
  /**
   * True when the server had seen this idempotency key before. Then `data` is the object that the first request
   * created, as it is now.
   */
  readonly replayed: boolean;
}

/**
 * The promise that every call returns. It resolves with the data; `.withResponse()` gives the raw response too. The
 * request starts when you make the call, not when you await it.
 */
export class ApiPromise<T> implements Promise<T> {
  readonly #answer: Promise<Answer<T>>;

  constructor(answer: Promise<Answer<T>>) {
    this.#answer = answer;
  }

  /** The data together with the raw response. Rejects with the same errors as the call. */
  async withResponse(): Promise<WithResponse<T>> {
    const { data, response } = await this.#answer;
    return {
      data,
      response,
      traceId: response.headers.get('x-trace-id'),
      replayed: response.headers.get('idempotent-replayed') === 'true',
    };
  }

  then<Kept = T, Caught = never>(
    onfulfilled?: ((value: T) => Kept | PromiseLike<Kept>) | null,
    onrejected?: ((reason: unknown) => Caught | PromiseLike<Caught>) | null,
  ): Promise<Kept | Caught> {
    return this.#answer.then(({ data }) => data).then(onfulfilled, onrejected);
  }

  catch<Caught = never>(onrejected?: ((reason: unknown) => Caught | PromiseLike<Caught>) | null): Promise<T | Caught> {
    return this.then(undefined, onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onfinally);
  }

  get [Symbol.toStringTag](): string {
    return 'ApiPromise';
  }
}
