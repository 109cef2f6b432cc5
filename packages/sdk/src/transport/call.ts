/** A request with everything that its attempts have in common. */
import { RushesError } from '../rushes-error.ts';
import { readUpload } from '../upload.ts';
import type { Ports } from './ports.ts';
import { bytes, json, type Reader } from './readers.ts';
import { fillPath, jsonBody, queryString, type RequestBody, type RequestOptions, type RequestSpec } from './request.ts';
import { checkDurationMs, checkMaxRetries, type Settings, userAgent } from './settings.ts';
import type { BodyStream } from './body-stream.ts';

interface Limits {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly deadlineMs: number | undefined;
  readonly maxRetries: number;
}

/** Describes what every attempt of a call sends, and how its answer is read. */
export interface Call<T> extends Limits {
  readonly method: string;
  readonly url: string;
  /** Name of the call in messages: without the query, which may be long, and without the token of a signed link. */
  readonly label: string;
  readonly headers: Headers;
  readonly redirect: 'manual' | 'follow';
  readonly body: string | Uint8Array | undefined;
  readonly requestId: string | undefined;
  readonly goneIsSuccess: boolean;
  readonly reader: Reader<T>;
}

/** The settings that a call takes from its client. */
export interface CallContext {
  readonly settings: Settings;
  readonly ports: Ports;
}

function limitsOf(options: RequestOptions, settings: Settings, heldBackMs: number): Limits {
  const deadlineMs = options.deadlineMs ?? settings.deadlineMs;
  return {
    signal: options.signal,
    timeoutMs: checkDurationMs(options.timeoutMs ?? settings.timeoutMs, 'timeoutMs') + heldBackMs,
    deadlineMs: deadlineMs === undefined ? undefined : checkDurationMs(deadlineMs, 'deadlineMs'),
    maxRetries: checkMaxRetries(options.maxRetries ?? settings.maxRetries),
  };
}

/**
 * The idempotency key of a POST: the caller's, or a new one. Throws `RushesError` when the caller gives two different
 * ones.
 */
function requestIdOf<T>(spec: RequestSpec<T>, options: RequestOptions, ports: Ports): string | undefined {
  if (spec.method !== 'POST') return undefined;
  const { idempotencyKey } = options;
  const { request_id: given } = {
    ...(spec.requestIdIn === undefined ? {} : spec[spec.requestIdIn]),
  } as { request_id?: string };
  if (given !== undefined && idempotencyKey !== undefined && given !== idempotencyKey) {
    throw new RushesError(
      'request_id and idempotencyKey mean the same, but have different values. Give only one of them.',
    );
  }
  return given ?? idempotencyKey ?? ports.uuid();
}

async function bodyOf<T>(spec: RequestSpec<T>, requestId: string | undefined): Promise<RequestBody | undefined> {
  const { upload } = spec;
  if (upload !== undefined) return { contentType: upload.contentType, content: await readUpload(upload.source) };
  if (spec.method === 'GET' || spec.method === 'DELETE') return undefined;
  return jsonBody(spec.requestIdIn === 'body' ? { ...spec.body, request_id: requestId } : (spec.body ?? {}));
}

/** Prepares a call. Throws `RushesError` for invalid parameters or options. */
export async function prepareCall<T>(
  spec: RequestSpec<T>,
  options: RequestOptions,
  { settings, ports }: CallContext,
): Promise<Call<T>> {
  const path = fillPath(spec.path, spec.ids);
  const requestId = requestIdOf(spec, options, ports);
  const query = queryString(spec.requestIdIn === 'query' ? { ...spec.query, request_id: requestId } : spec.query);
  const body = await bodyOf(spec, requestId);
  const reader = spec.read ?? json<T>();
  const own: Record<string, string> = {
    authorization: `Bearer ${settings.apiKey}`,
    'user-agent': userAgent(),
    accept: spec.accept ?? reader.accept,
  };
  if (body !== undefined) own['content-type'] = body.contentType;
  if (requestId !== undefined && spec.requestIdIn === undefined) own['idempotency-key'] = requestId;
  return {
    ...limitsOf(options, settings, spec.heldBackMs ?? 0),
    method: spec.method,
    url: `${settings.baseUrl}${path}${query}`,
    label: `${spec.method} ${path}`,
    headers: headersFrom([settings.defaultHeaders, options.headers ?? {}, own]),
    redirect: 'manual',
    body: body?.content,
    requestId,
    goneIsSuccess: spec.goneIsSuccess ?? false,
    reader,
  };
}

/**
 * Prepares the GET of a signed link. The API key is never sent with it: the link needs no key, and may lead to another
 * server.
 */
export function prepareLink(
  url: string,
  headers: Record<string, string>,
  options: RequestOptions,
  { settings }: CallContext,
): Call<BodyStream> {
  return {
    ...limitsOf(options, settings, 0),
    method: 'GET',
    url,
    label: 'GET of a video link',
    headers: headersFrom([{ accept: bytes.accept }, options.headers ?? {}, headers]),
    redirect: 'follow',
    body: undefined,
    requestId: undefined,
    goneIsSuccess: false,
    reader: bytes,
  };
}

/** Merges headers. When a name occurs twice, the later value wins. */
function headersFrom(layers: readonly Readonly<Record<string, string>>[]): Headers {
  const headers = new Headers();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      try {
        headers.set(name, value);
      } catch {
        // The runtime's own message would quote the value, which may be a secret.
        throw new RushesError(`The header ${JSON.stringify(name)} cannot be sent: its name or value is not allowed.`);
      }
    }
  }
  return headers;
}
