import { RushesError } from '../rushes-error.ts';
import type { UploadSource } from '../upload.ts';
import type { Reader } from './readers.ts';

/** One call of the API, as a resource describes it. */
export interface RequestSpec<T> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** The path, beginning with `/v1/`. `{name}` is replaced by the id with that name in `ids`. */
  readonly path: string;
  readonly ids?: Readonly<Record<string, string>>;
  /** Parameters of the query. Members without a value are left out; members of an object are named `object.member`. */
  readonly query?: object;
  /** Sent as JSON. A POST without one sends an empty object. */
  readonly body?: object;
  /** Sent in place of `body`. */
  readonly upload?: Upload;
  /**
   * Where the idempotency key of a POST is sent as `request_id`. When left out, it is sent in the header
   * Idempotency-Key.
   */
  readonly requestIdIn?: 'body' | 'query';
  /** The Accept header, instead of the content types of `read`. */
  readonly accept?: string;
  /** How the answer is read. The default is a JSON document. */
  readonly read?: Reader<T>;
  /** How long the server may wait before it answers (long polling). It is added to the time limit of an attempt. */
  readonly heldBackMs?: number;
  /** For deletions: a 404 after an earlier attempt means that the earlier attempt succeeded. */
  readonly goneIsSuccess?: boolean;
}

/** Text or bytes that are sent as they are. */
export interface Upload {
  readonly contentType: string;
  readonly source: UploadSource;
}

/** A whole body in memory, so that every attempt sends the same bytes. */
export interface RequestBody {
  readonly contentType: string;
  readonly content: string | Uint8Array;
}

/** Settings of one call. The default of each is the client's setting. */
export interface RequestOptions {
  /** Aborts the call. It rejects with `AbortError` and is not retried. */
  signal?: AbortSignal;
  /**
   * Time limit for one attempt, in milliseconds. For a streamed answer: until it starts, and then for each wait for
   * more bytes.
   */
  timeoutMs?: number;
  /** Time limit for the whole call in milliseconds, including retries and the waits between them. */
  deadlineMs?: number;
  /** Retries after the first attempt; 0 means none. */
  maxRetries?: number;
  /** Headers to add to the SDK's own. */
  headers?: Record<string, string>;
  /** Idempotency key of a POST that has no `request_id` parameter. The default is a new key for each call. */
  idempotencyKey?: string;
}

type QueryValue = string | number | boolean | Date | null | undefined;

function* members(values: object): Generator<[name: string, value: QueryValue], void, undefined> {
  for (const [name, value] of Object.entries(values as Record<string, QueryValue | Record<string, QueryValue>>)) {
    const isPlain = typeof value !== 'object' || value === null || value instanceof Date;
    if (isPlain) yield [name, value];
    else for (const [inner, each] of Object.entries(value)) yield [`${name}.${inner}`, each];
  }
}

function refuseNoDate(name: string, value: unknown): void {
  if (value instanceof Date && Number.isNaN(value.getTime())) throw new RushesError(`${name} is not a valid date.`);
}

/** `?a=1&b=2` from the values that are set, or ''. Dates become ISO 8601 in UTC. Throws `RushesError` for a bad date. */
export function queryString(query: object = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of members(query)) {
    if (value === undefined || value === null) continue;
    refuseNoDate(name, value);
    search.append(name, value instanceof Date ? value.toISOString() : String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** An id as one segment of a path. '.' and '..' are refused, because a URL parser would remove them. */
function segment(id: unknown, name: string): string {
  if (typeof id !== 'string' || id === '' || id === '.' || id === '..' || !id.isWellFormed()) {
    throw new RushesError(`${name} must be an id, not ${JSON.stringify(id)}.`);
  }
  return encodeURIComponent(id);
}

/** The path with its ids filled in and encoded. Throws `RushesError` for a value that is not an id. */
export function fillPath(path: string, ids: Readonly<Record<string, string>> = {}): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(ids[name], name));
}

/** `value` as a JSON body. Throws `RushesError` when it cannot be written as JSON. */
export function jsonBody(value: object): RequestBody {
  for (const [name, each] of Object.entries(value)) refuseNoDate(name, each);
  try {
    return { contentType: 'application/json', content: JSON.stringify(value) };
  } catch (error) {
    const [why = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new RushesError(`The parameters cannot be sent as JSON: ${why}.`, { cause: error });
  }
}
