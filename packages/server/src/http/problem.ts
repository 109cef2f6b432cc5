import { ERROR_CODES, type Problem } from '@rushes/contract';
import type { Refusal } from '../outcome/index.ts';

/** The media type of RFC 9457. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The RFC 9457 document of a refusal. */
export function toProblem(refusal: Refusal, traceId: string): Problem {
  const { status, title } = ERROR_CODES[refusal.code];
  return {
    type: `urn:rushes:problem:${refusal.code}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    trace_id: traceId,
    ...(refusal.param === undefined ? {} : { param: refusal.param }),
    ...(refusal.errors === undefined ? {} : { errors: [...refusal.errors] }),
    ...(refusal.errorCount === undefined ? {} : { error_count: refusal.errorCount }),
    ...(refusal.required === undefined ? {} : { required: refusal.required }),
    ...(refusal.available === undefined ? {} : { available: refusal.available }),
    ...(refusal.shortfall === undefined ? {} : { shortfall: refusal.shortfall }),
  };
}

/** Whether to send the same request again: some codes always say so, and a refusal that names a time does too. */
function shouldRetry(refusal: Refusal): boolean {
  return ERROR_CODES[refusal.code].retryable || refusal.retryAfterSeconds !== undefined;
}

/** Headers that belong to a refusal whatever its route. */
export function problemHeaders(refusal: Refusal): Readonly<Record<string, string>> {
  return {
    'Content-Type': PROBLEM_CONTENT_TYPE,
    'x-should-retry': String(shouldRetry(refusal)),
    ...(refusal.code === 'unauthorized' ? { 'WWW-Authenticate': 'Bearer realm="rushes"' } : {}),
    ...(refusal.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(refusal.retryAfterSeconds) }),
  };
}

/** A refusal on its way up through code that returns something else. Only http throws it, for http. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly refusal: Refusal;
  readonly headers: Readonly<Record<string, string>>;
  constructor(refusal: Refusal, headers: Readonly<Record<string, string>> = {}) {
    super(refusal.detail);
    this.refusal = refusal;
    this.headers = headers;
  }
}
