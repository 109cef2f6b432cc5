import { RushesError } from '../rushes-error.ts';

export type QueryValue = string | number | boolean | Date | null | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

export interface RequestBody {
  readonly contentType: string;
  /** Held whole, so that every attempt sends the same bytes. */
  readonly content: string | Uint8Array;
}

/** One call of the API, before it becomes attempts. */
export interface RequestSpec {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From `/v1/` on, with every variable part encoded. */
  readonly path: string;
  readonly query?: Query;
  readonly body?: RequestBody;
  readonly accept?: string;
  /** The idempotency key inside the body or the query. A POST without one is given an Idempotency-Key header. */
  readonly requestId?: string;
  /** The server may hold the answer back this long (long polling); the time limit of an attempt grows by it. */
  readonly heldBackMs?: number;
  /** A 404 after an earlier attempt means that the earlier one got through: for deletions. */
  readonly goneIsSuccess?: boolean;
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
  /** Idempotency key of a POST that has no `request_id` parameter; made up once per call when left out. */
  idempotencyKey?: string;
}

/** `?a=1&b=2` from the values that are set, or ''. Dates become ISO 8601 in UTC. */
export function queryString(query: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    if (value instanceof Date && Number.isNaN(value.getTime())) throw new RushesError(`${name} is no valid date.`);
    search.append(name, value instanceof Date ? value.toISOString() : String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** `id` as one segment of a path. Throws on '', on '.' and '..', which a URL parser would fold away, and on what is no text. */
export function segment(id: string, what: string): string {
  if (typeof id !== 'string' || id === '' || id === '.' || id === '..' || !id.isWellFormed()) {
    throw new RushesError(`${what} must be an id, not ${JSON.stringify(id)}.`);
  }
  return encodeURIComponent(id);
}

/** `value` as a JSON body. Throws `RushesError` when there is no JSON for it. */
export function jsonBody(value: unknown): RequestBody {
  try {
    return { contentType: 'application/json', content: JSON.stringify(value) };
  } catch (error) {
    const [why = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new RushesError(`The parameters cannot be sent as JSON: ${why}.`, { cause: error });
  }
}
