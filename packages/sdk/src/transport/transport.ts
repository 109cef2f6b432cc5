import { ApiPromise } from '../api-promise.ts';
import { AbortError, NotFoundError } from '../errors.ts';
import { type ListSpec, type Page, PagePromise, readPage, type WirePage } from '../page.ts';
import { RushesError } from '../rushes-error.ts';
import { type Answer, refusal } from './answer.ts';
import { AttemptScope } from './attempt-scope.ts';
import type { BodyStream } from './body-stream.ts';
import { type Call, prepareCall, prepareLink } from './call.ts';
import type { Ports } from './ports.ts';
import type { RequestOptions, RequestSpec } from './request.ts';
import { retryDelayMs } from './retry-policy.ts';
import type { Settings } from './settings.ts';

/**
 * Sends requests. One call is one or more attempts with the same bytes and the same idempotency key, so the server
 * carries out a request only once.
 */
export class Transport {
  readonly settings: Omit<Settings, 'apiKey'>;
  readonly ports: Ports;
  readonly #settings: Settings;

  constructor(settings: Settings, ports: Ports) {
    const { apiKey: _, ...shown } = settings;
    this.#settings = settings;
    this.settings = shown;
    this.ports = ports;
  }

  /** Makes one call. Invalid parameters reject the promise, like an error of the server. */
  call<T>(spec: RequestSpec<T>, options?: RequestOptions): ApiPromise<T> {
    return new ApiPromise(this.send(spec, options));
  }

  /** Reads a list, page by page. */
  list<T>(spec: ListSpec<T>, options?: RequestOptions): PagePromise<T> {
    return this.#list(() => spec, options);
  }

  /** The same as `call`, with the response beside the data. */
  async send<T>(spec: RequestSpec<T>, options: RequestOptions = {}): Promise<Answer<T>> {
    return this.#send(await prepareCall(spec, options, { settings: this.#settings, ports: this.ports }));
  }

  /** Sends a GET of a signed link, without the API key. */
  async link(url: string, headers: Record<string, string>, options: RequestOptions = {}): Promise<Answer<BodyStream>> {
    return this.#send(prepareLink(url, headers, options, { settings: this.#settings, ports: this.ports }));
  }

  #list<T>(makeSpec: () => ListSpec<T>, options: RequestOptions | undefined): PagePromise<T> {
    const open = async (): Promise<Answer<Page<T>>> => {
      const spec = makeSpec();
      const { next: _, ...request } = spec;
      const answer = await this.send<WirePage<T>>({ method: 'GET', ...request }, options);
      return readPage(answer, spec, (makeNext) => this.#list(makeNext, options));
    };
    return new PagePromise(open());
  }

  async #send<T>(call: Call<T>): Promise<Answer<T>> {
    const { ports } = this;
    const endsAt = call.deadlineMs === undefined ? Infinity : ports.monotonicMs() + call.deadlineMs;
    for (let retry = 0; ; retry += 1) {
      const outcome = await this.#attempt(call, endsAt).then(
        (answer) => ({ answer }),
        (failure: unknown) => ({ failure }),
      );
      if ('answer' in outcome) return outcome.answer;
      const { failure } = outcome;
      if (retry > 0 && call.goneIsSuccess && failure instanceof NotFoundError) {
        return { data: undefined as T, response: new Response(null, { status: 204, headers: failure.headers }) };
      }
      const delayMs = retry < call.maxRetries ? retryDelayMs(failure, retry, ports.fraction()) : null;
      if (delayMs === null || ports.monotonicMs() + delayMs >= endsAt) throw failure;
      this.settings.logger?.debug(
        `${call.label}: ${firstLine(failure)} Retry ${retry + 1} of ${call.maxRetries} in ${Math.round(delayMs)} ms.`,
      );
      await ports.sleep(delayMs, call.signal).catch((error: unknown) => {
        if (!(error instanceof AbortError)) throw error;
        throw new AbortError('The caller aborted the request.', { cause: error.cause, requestId: call.requestId });
      });
    }
  }

  async #attempt<T>(call: Call<T>, endsAt: number): Promise<Answer<T>> {
    const scope = this.#scopeOf(call, endsAt);
    let handedOver = false;
    try {
      if (scope.signal.aborted) throw scope.signal.reason;
      const response = await scope.race(
        this.settings.fetch(call.url, {
          method: call.method,
          headers: call.headers,
          redirect: call.redirect,
          signal: scope.signal,
          ...(call.body === undefined ? {} : { body: call.body as NonNullable<RequestInit['body']> }),
        }),
      );
      if (response.status >= 300 || response.type === 'opaqueredirect')
        throw await this.#refused(call, response, scope);
      const data = await call.reader.read({
        response,
        scope,
        label: call.label,
        silenceMs: call.timeoutMs,
        refuse: (text) => refusal(response, text, this.ports.nowMs(), call.requestId),
      });
      handedOver = call.reader.isStream;
      return { data, response };
    } catch (error) {
      throw error instanceof RushesError ? error : scope.explain(error, call.label);
    } finally {
      if (!handedOver) scope.close();
    }
  }

  /** The scope of one attempt: its time limit, or the rest of the call's time limit if that is shorter. */
  #scopeOf<T>(call: Call<T>, endsAt: number): AttemptScope {
    const leftMs = Math.max(1, endsAt - this.ports.monotonicMs());
    return new AttemptScope({
      signal: call.signal,
      requestId: call.requestId,
      timeoutMs: Math.min(call.timeoutMs, leftMs),
      timeoutMessage:
        leftMs < call.timeoutMs
          ? `${call.label}: the deadline of ${call.deadlineMs} ms passed.`
          : `${call.label}: no answer within ${call.timeoutMs} ms.`,
    });
  }

  async #refused<T>(call: Call<T>, response: Response, scope: AttemptScope): Promise<RushesError> {
    if (response.type === 'opaqueredirect' || (response.status < 400 && response.headers.has('location'))) {
      scope.cancel();
      const to = response.headers.get('location');
      const where = to === null ? '' : ` to ${originOf(to, call.url)}`;
      return new RushesError(`${call.label} is redirected${where}. Set baseUrl to the final address.`, {
        requestId: call.requestId,
      });
    }
    // The status and the headers decide, also when the body of an error is cut off.
    const text = await scope.race(response.text()).catch((error: unknown) => {
      if (scope.signal.aborted) throw error;
      return '';
    });
    return refusal(response, text, this.ports.nowMs(), call.requestId);
  }
}

function originOf(location: string, base: string): string {
  try {
    return new URL(location, base).origin;
  } catch {
    return 'an unreadable address';
  }
}

function firstLine(failure: unknown): string {
  const text = failure instanceof Error ? failure.message : String(failure);
  return text.split('\n', 1)[0] ?? '';
}
