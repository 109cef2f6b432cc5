import { AbortError, NotFoundError } from '../errors.ts';
import { RushesError } from '../rushes-error.ts';
import { parseJson, refusal } from './answer.ts';
import { AttemptScope } from './attempt-scope.ts';
import { BodyStream } from './body-stream.ts';
import type { Ports } from './ports.ts';
import { queryString, type RequestOptions, type RequestSpec } from './request.ts';
import { retryDelayMs } from './retry-policy.ts';
import { checkDurationMs, checkMaxRetries, type Settings, userAgent } from './settings.ts';

/** A parsed answer with the raw response that it was read from. */
export interface Answer<T> {
  readonly data: T;
  readonly response: Response;
}

/** A request with everything decided that its attempts share. */
interface Call {
  readonly method: string;
  readonly url: string;
  /** For messages: without the query, which may be long, and without a signed link's token. */
  readonly label: string;
  readonly headers: Headers;
  readonly redirect: 'manual' | 'follow';
  readonly body: string | Uint8Array | undefined;
  readonly requestId: string | undefined;
  readonly goneIsSuccess: boolean;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly deadlineMs: number | undefined;
  readonly maxRetries: number;
}

/** Reads a good answer. It throws an `APIError` for a body that is none; anything else counts as a broken connection. */
type Reader<T> = (response: Response, scope: AttemptScope) => Promise<T>;

/**
 * Sends requests: one call is one or more attempts with the same bytes and the same idempotency key, so that a retry
 * can never have an effect twice.
 */
export class Transport {
  readonly settings: Omit<Settings, 'apiKey'>;
  readonly ports: Ports;
  readonly #apiKey: string;

  constructor(settings: Settings, ports: Ports) {
    const { apiKey, ...rest } = settings;
    this.#apiKey = apiKey;
    this.settings = rest;
    this.ports = ports;
  }

  /** A call that is answered with one JSON document. */
  async json<T>(spec: RequestSpec, options: RequestOptions = {}): Promise<Answer<T>> {
    const call = this.#prepare(spec, options);
    return this.#send(call, async (response, scope) => {
      const text = await scope.race(response.text());
      const parsed = parseJson(text);
      if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) {
        throw refusal(response, text, this.ports.nowMs(), call.requestId);
      }
      return parsed.value as T;
    });
  }

  /** A call that is answered with text, which `isRight` must know. */
  async text(
    spec: RequestSpec,
    isRight: (text: string) => boolean,
    options: RequestOptions = {},
  ): Promise<Answer<string>> {
    const call = this.#prepare({ accept: 'text/plain', ...spec }, options);
    return this.#send(call, async (response, scope) => {
      const text = await scope.race(response.text());
      if (!isRight(text)) throw refusal(response, text, this.ports.nowMs(), call.requestId);
      return text;
    });
  }

  /** A call whose answer has nothing to read. */
  async nothing(spec: RequestSpec, options: RequestOptions = {}): Promise<Answer<undefined>> {
    return this.#send(this.#prepare(spec, options), async (response, scope) => {
      await scope.race(response.text());
      return undefined;
    });
  }

  /** A call that is answered with a stream of bytes; retries end where the stream begins. */
  async stream(spec: RequestSpec, options: RequestOptions = {}): Promise<Answer<BodyStream>> {
    const call = this.#prepare(spec, options);
    return this.#send(call, (response, scope) => Promise.resolve(this.#openBody(call, response, scope)), true);
  }

  /**
   * GET of a signed link. It is never given the API key: a link carries its own authority, and may lead elsewhere.
   */
  async link(url: string, headers: Record<string, string>, options: RequestOptions = {}): Promise<Answer<BodyStream>> {
    const call: Call = {
      ...this.#limits(options, 0),
      method: 'GET',
      url,
      label: 'GET of a video link',
      headers: headersFrom([{ accept: '*/*' }, options.headers ?? {}, headers]),
      redirect: 'follow',
      body: undefined,
      requestId: undefined,
      goneIsSuccess: false,
    };
    return this.#send(call, (response, scope) => Promise.resolve(this.#openBody(call, response, scope)), true);
  }

  #openBody(call: Call, response: Response, scope: AttemptScope): BodyStream {
    scope.pause();
    return new BodyStream(response, scope, { label: call.label, silenceMs: call.timeoutMs });
  }

  #limits(
    options: RequestOptions,
    heldBackMs: number,
  ): Pick<Call, 'signal' | 'timeoutMs' | 'deadlineMs' | 'maxRetries'> {
    const { settings } = this;
    const deadlineMs = options.deadlineMs ?? settings.deadlineMs;
    return {
      signal: options.signal,
      timeoutMs: checkDurationMs(options.timeoutMs ?? settings.timeoutMs, 'timeoutMs') + heldBackMs,
      deadlineMs: deadlineMs === undefined ? undefined : checkDurationMs(deadlineMs, 'deadlineMs'),
      maxRetries: checkMaxRetries(options.maxRetries ?? settings.maxRetries),
    };
  }

  #prepare(spec: RequestSpec, options: RequestOptions): Call {
    const own: Record<string, string> = { authorization: `Bearer ${this.#apiKey}`, 'user-agent': userAgent() };
    own['accept'] = spec.accept ?? 'application/json';
    if (spec.body !== undefined) own['content-type'] = spec.body.contentType;
    let { requestId } = spec;
    if (requestId === undefined && spec.method === 'POST') {
      requestId = options.idempotencyKey ?? this.ports.uuid();
      own['idempotency-key'] = requestId;
    }
    return {
      ...this.#limits(options, spec.heldBackMs ?? 0),
      method: spec.method,
      url: `${this.settings.baseUrl}${spec.path}${queryString(spec.query)}`,
      label: `${spec.method} ${spec.path}`,
      headers: headersFrom([this.settings.defaultHeaders, options.headers ?? {}, own]),
      redirect: 'manual',
      body: spec.body?.content,
      requestId,
      goneIsSuccess: spec.goneIsSuccess ?? false,
    };
  }

  async #send<T>(call: Call, read: Reader<T>, keepOpen = false): Promise<Answer<T>> {
    const { ports } = this;
    const endsAt = call.deadlineMs === undefined ? Infinity : ports.monotonicMs() + call.deadlineMs;
    for (let retry = 0; ; retry += 1) {
      const error = await this.#attempt(call, read, keepOpen, endsAt).then(
        (answer) => ({ answer }),
        (failure: unknown) => ({ failure }),
      );
      if ('answer' in error) return error.answer;
      const { failure } = error;
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

  async #attempt<T>(call: Call, read: Reader<T>, keepOpen: boolean, endsAt: number): Promise<Answer<T>> {
    const leftMs = Math.max(1, endsAt - this.ports.monotonicMs());
    const scope = new AttemptScope({
      signal: call.signal,
      requestId: call.requestId,
      timeoutMs: Math.min(call.timeoutMs, leftMs),
      timeoutMessage:
        leftMs < call.timeoutMs
          ? `${call.label}: the deadline of ${call.deadlineMs} ms passed.`
          : `${call.label}: no answer within ${call.timeoutMs} ms.`,
    });
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
      const data = await read(response, scope);
      handedOver = keepOpen;
      return { data, response };
    } catch (error) {
      throw error instanceof RushesError ? error : scope.explain(error, call.label);
    } finally {
      if (!handedOver) scope.close();
    }
  }

  async #refused(call: Call, response: Response, scope: AttemptScope): Promise<RushesError> {
    if (response.type === 'opaqueredirect' || (response.status < 400 && response.headers.has('location'))) {
      scope.cancel();
      const to = response.headers.get('location');
      const where = to === null ? '' : ` to ${originOf(to, call.url)}`;
      return new RushesError(`${call.label} is redirected${where}: set baseUrl to the address that answers itself.`, {
        requestId: call.requestId,
      });
    }
    // The status and the headers decide; an error body that breaks off must not hide them.
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

/** The later of two values for a name wins. */
function headersFrom(layers: readonly Record<string, string>[]): Headers {
  const headers = new Headers();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      try {
        headers.set(name, value);
      } catch {
        // The runtime's own message quotes the value, which may be a secret.
        throw new RushesError(`The header ${JSON.stringify(name)} cannot be sent: its name or value is not allowed.`);
      }
    }
  }
  return headers;
}
