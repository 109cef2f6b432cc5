import type { ErrorCode, ItemError, Problem } from './types.ts';
import { RushesError, type RushesErrorOptions } from './rushes-error.ts';

/**
 * There was no complete answer: the connection was refused, reset or cut off. The server may have carried out the
 * request; to be sure, send it again with `requestId`.
 */
export class ConnectionError extends RushesError {
  static {
    this.prototype.name = 'ConnectionError';
  }
}

/**
 * An attempt (`timeoutMs`) or the whole call (`deadlineMs`) took too long. The server may have carried out the request;
 * to be sure, send it again with `requestId`.
 */
export class TimeoutError extends RushesError {
  static {
    this.prototype.name = 'TimeoutError';
  }
}

/**
 * The caller's signal aborted the call; `cause` is the signal's reason. The server may have carried out the request.
 */
export class AbortError extends RushesError {
  static {
    this.prototype.name = 'AbortError';
  }
}

/**
 * A downloaded file does not have the size or SHA-256 that the server gave, even after a second download from the
 * start.
 */
export class DownloadError extends RushesError {
  static {
    this.prototype.name = 'DownloadError';
  }
}

/** The details of an `APIError`. */
export interface APIErrorDetails extends RushesErrorOptions {
  /** HTTP status. */
  readonly status: number;
  readonly headers: Headers;
  /** The problem document, or null when the answer was not one. */
  readonly problem: Problem | null;
  /** The first characters of an answer that was not a problem document. */
  readonly excerpt?: string;
  /** Milliseconds that the server asks to wait; null when it does not ask. */
  readonly retryAfterMs?: number | null;
}

const SHOWN_ITEM_ERRORS = 3;
const EXCERPT_CHARACTERS = 200;

function describeItem(error: ItemError): string {
  const place = [
    error.index === null ? null : `item ${error.index}`,
    error.line === undefined ? null : `line ${error.line}`,
    error.custom_id === null ? null : error.custom_id,
  ].filter((part) => part !== null);
  const where = place.length === 0 ? '' : `${place.join(', ')}: `;
  return `  ${where}${error.param === null ? '' : `${error.param} `}${error.detail}`;
}

function describe(details: APIErrorDetails): string {
  const { problem, status } = details;
  if (problem === null) {
    const excerpt = (details.excerpt ?? '').slice(0, EXCERPT_CHARACTERS);
    const body = excerpt.trim() === '' ? 'an empty body' : `a body that starts with ${JSON.stringify(excerpt)}`;
    const type = details.headers.get('content-type') ?? 'no content-type';
    return `HTTP ${status} with ${body} (${type}), which is not an answer from a Rushes server. Check baseUrl.`;
  }
  const errors = problem.errors ?? [];
  const total = problem.error_count ?? errors.length;
  const shown = errors.slice(0, SHOWN_ITEM_ERRORS).map(describeItem);
  if (shown.length > 0 && total > shown.length) shown.push(`  and ${total - shown.length} more`);
  const head = `${status} ${problem.code}: ${problem.detail} (trace_id ${problem.trace_id})`;
  return [head, ...shown].join('\n');
}

/** The server answered with an error, or the answer is not from a Rushes server. */
export class APIError extends RushesError {
  static {
    this.prototype.name = 'APIError';
  }
  /** HTTP status. */
  readonly status: number;
  /** Stable machine-readable code, for example `insufficient_credits`; null when the answer was not a problem document. */
  readonly code: ErrorCode | null;
  /** The parameter that is wrong, when it is a single one. */
  readonly param: string | null;
  /** One entry per error in an item, at most 100; empty when no item is wrong. */
  readonly errors: ItemError[];
  /** Identifies this exchange in the server's logs. */
  readonly traceId: string | null;
  /** Headers of the answer. */
  readonly headers: Headers;
  /** The whole problem document (RFC 9457), or null when the answer was not one. */
  readonly problem: Problem | null;
  /** Milliseconds that the server asks to wait before the next attempt; null when it does not ask. */
  readonly retryAfterMs: number | null;

  constructor(details: APIErrorDetails) {
    super(describe(details), details);
    this.status = details.status;
    this.code = details.problem?.code ?? null;
    this.param = details.problem?.param ?? null;
    this.errors = details.problem?.errors ?? [];
    this.traceId = details.problem?.trace_id ?? details.headers.get('x-trace-id');
    this.headers = details.headers;
    this.problem = details.problem;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** 400: the request is invalid; `errors` describes the items that are wrong. */
export class BadRequestError extends APIError {
  static {
    this.prototype.name = 'BadRequestError';
  }
}

/** 401: the API key is missing, mistyped or disabled. */
export class AuthenticationError extends APIError {
  static {
    this.prototype.name = 'AuthenticationError';
  }
}

/** 402: too few credits (`InsufficientCreditsError`), a spend limit, a debt or a blocked account; `code` says which. */
export class PaymentRequiredError extends APIError {
  static {
    this.prototype.name = 'PaymentRequiredError';
  }
}

/**
 * 402 insufficient_credits: too few credits; nothing was reserved. The same request works, with the same request_id,
 * when there are enough credits.
 */
export class InsufficientCreditsError extends PaymentRequiredError {
  static {
    this.prototype.name = 'InsufficientCreditsError';
  }
  /** Credits that the request needs; null when the server does not say. */
  readonly required: number | null;
  /** Credits that the account has available; null when the server does not say. */
  readonly available: number | null;
  /** Credits that are missing; null when the server does not say. */
  readonly shortfall: number | null;

  constructor(details: APIErrorDetails) {
    super(details);
    this.required = details.problem?.required ?? null;
    this.available = details.problem?.available ?? null;
    this.shortfall = details.problem?.shortfall ?? null;
  }
}

/** 403: the key is not allowed to do this, or a link is not valid (any more). */
export class PermissionDeniedError extends APIError {
  static {
    this.prototype.name = 'PermissionDeniedError';
  }
}

/** 404: this account has no such object. */
export class NotFoundError extends APIError {
  static {
    this.prototype.name = 'NotFoundError';
  }
}

/** 409: not possible in the current state, or the price is not the expected one. */
export class ConflictError extends APIError {
  static {
    this.prototype.name = 'ConflictError';
  }
}

/** 413: the body is larger than 48 MiB. */
export class PayloadTooLargeError extends APIError {
  static {
    this.prototype.name = 'PayloadTooLargeError';
  }
}

/** 415: the route does not accept this content type. */
export class UnsupportedMediaTypeError extends APIError {
  static {
    this.prototype.name = 'UnsupportedMediaTypeError';
  }
}

/** 422: the request_id was used before for another request. Use a new one. */
export class UnprocessableEntityError extends APIError {
  static {
    this.prototype.name = 'UnprocessableEntityError';
  }
}

/** 429: too many requests. `retryAfterMs` says how long to wait. */
export class RateLimitError extends APIError {
  static {
    this.prototype.name = 'RateLimitError';
  }
}

/** 500 and above: the server failed. */
export class InternalServerError extends APIError {
  static {
    this.prototype.name = 'InternalServerError';
  }
}

/** A success status with a body that is not from a Rushes server, such as the page of a proxy. */
export class InvalidResponseError extends APIError {
  static {
    this.prototype.name = 'InvalidResponseError';
  }
}

const CLASS_BY_STATUS: ReadonlyMap<number, new (details: APIErrorDetails) => APIError> = new Map([
  [400, BadRequestError],
  [401, AuthenticationError],
  [402, PaymentRequiredError],
  [403, PermissionDeniedError],
  [404, NotFoundError],
  [409, ConflictError],
  [413, PayloadTooLargeError],
  [415, UnsupportedMediaTypeError],
  [422, UnprocessableEntityError],
  [429, RateLimitError],
]);

/** The error of the class that belongs to `details.status`. */
export function apiErrorFor(details: APIErrorDetails): APIError {
  if (details.status < 400) return new InvalidResponseError(details);
  if (details.status >= 500) return new InternalServerError(details);
  if (details.problem?.code === 'insufficient_credits') return new InsufficientCreditsError(details);
  const Class = CLASS_BY_STATUS.get(details.status) ?? APIError;
  return new Class(details);
}
