import { apiErrorFor, type APIError } from '../errors.ts';
import { withoutSecrets } from '../rushes-error.ts';
import type { Problem } from '../types.ts';
import { retryAfterMs } from './retry-policy.ts';

/** A parsed answer with the raw response that it was read from. */
export interface Answer<T> {
  readonly data: T;
  readonly response: Response;
}

/** How much of an unexpected body an error shows. */
const EXCERPT_CHARACTERS = 200;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The problem document in `text`, or null when there is none. Missing fields are filled in. */
function parseProblem(text: string, status: number, headers: Headers): Problem | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || typeof value['code'] !== 'string') return null;
  const title = typeof value['title'] === 'string' ? value['title'] : value['code'];
  return {
    ...value,
    type: typeof value['type'] === 'string' ? value['type'] : 'about:blank',
    title,
    status: typeof value['status'] === 'number' ? value['status'] : status,
    detail: typeof value['detail'] === 'string' ? value['detail'] : title,
    code: value['code'],
    trace_id: typeof value['trace_id'] === 'string' ? value['trace_id'] : (headers.get('x-trace-id') ?? ''),
    errors: Array.isArray(value['errors']) ? value['errors'].filter(isObject) : [],
  } as Problem;
}

/** The error for an answer that is not a success. */
export function refusal(response: Response, text: string, nowMs: number, requestId: string | undefined): APIError {
  const { status, headers } = response;
  const problem = status < 400 ? null : parseProblem(text, status, headers);
  const excerpt = withoutSecrets(text.slice(0, 4 * EXCERPT_CHARACTERS)).slice(0, EXCERPT_CHARACTERS);
  return apiErrorFor({ status, headers, problem, excerpt, retryAfterMs: retryAfterMs(headers, nowMs), requestId });
}

/** The value of a JSON text, if it is valid JSON. */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}
