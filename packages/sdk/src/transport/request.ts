import { RushesError } from '../rushes-error.ts';
import type { UploadSource } from '../upload.ts';
import type { Reader } from './readers.ts';

/** One call of the API: everything that a resource says about it. */
export interface RequestSpec<T> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From `/v1/` on; `{name}` stands for the id of that name in `ids`. */
  readonly path: string;
  readonly ids?: Readonly<Record<string, string>>;
  /** Members without a value are left out; those of an object are named `object.member`. */
  readonly query?: object;
  /** Sent as JSON. A POST without one sends an empty object. */
  readonly body?: object;
  /** Sent in place of `body`. */
  readonly upload?: Upload;
  /**
   * Where the idempotency key of a POST stands, as `request_id`. A POST without such a place carries it as header
   * Idempotency-Key.
   */
  readonly requestIdIn?: 'body' | 'query';
  /** Wins over the content types of `read`. */
  readonly accept?: string;
  /** How the answer is read; as a JSON document when left out. */
  readonly read?: Reader<T>;
  /** The server may hold the answer back this long (long polling); the time limit of an attempt grows by it. */
  readonly heldBackMs?: number;
  /** A 404 after an earlier attempt means that the earlier one got through: for deletions. */
  readonly goneIsSuccess?: boolean;
}

/** Text or bytes that are sent as they are. */
export interface Upload {
  readonly contentType: string;
  readonly source: UploadSource;
}

/** A body held whole, so that every attempt sends the same bytes. */
export interface RequestBody {
  readonly contentType: string;
  readonly content: string | Uint8Array;
}

/** Settings of one call; what is left out is the client's. */
export interface RequestOptions {
  /** Aborts the call: it rejects with `AbortError` and is not retried. */
  signal?: AbortSignal;
  /** Milliseconds for one attempt; for a streamed answer, until it starts and then for each silence. */
  timeoutMs?: number;
  /** Milliseconds for the call as a whole, retries and the waits between them included. */
  deadlineMs?: number;
  /** Retries after the first attempt; 0 means none. */
  maxRetries?: number;
  /** Headers besides the SDK's own. */
  headers?: Record<string, string>;
  /** Idempotency key of a POST that has no `request_id` parameter; made once per call when left out. */
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

/** An id as one segment of a path. A URL parser would fold '.' and '..' away. */
function segment(id: unknown, name: string): string {
  if (typeof id !== 'string' || id === '' || id === '.' || id === '..' || !id.isWellFormed()) {
    throw new RushesError(`${name} must be an id, not ${JSON.stringify(id)}.`);
  }
  return encodeURIComponent(id);
}

/** The path with its ids put in and encoded. Throws `RushesError` for what is not an id. */
export function fillPath(path: string, ids: Readonly<Record<string, string>> = {}): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(ids[name], name));
}

/** `value` as a JSON body. Throws `RushesError` when there is no JSON for it. */
export function jsonBody(value: object): RequestBody {
  for (const [name, each] of Object.entries(value)) refuseNoDate(name, each);
  try {
    return { contentType: 'application/json', content: JSON.stringify(value) };
  } catch (error) {
    const [why = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new RushesError(`The parameters cannot be sent as JSON: ${why}.`, { cause: error });
  }
}
