import { createHash } from 'node:crypto';
import { postOnce, type Caller, type IdempotentPost, type RequestKey } from '../accounts/index.ts';
import type { Database } from '../db/index.ts';
import type { Outcome } from '../outcome/index.ts';
import { json, type Answer } from './exchange.ts';

/** JSON with sorted names, so that the order in which a client wrote its fields does not matter. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(',')}}`;
}

/**
 * The key of one POST, or null when it brought no request_id.
 *
 * @param request what it asks for, after parsing and defaults, without its request_id
 */
export function requestKey(
  caller: Caller,
  route: string,
  requestId: string | null,
  request: object,
): RequestKey | null {
  if (requestId === null) return null;
  const requestHash = createHash('sha256').update(canonical(request)).digest();
  return { accountUuid: caller.accountUuid, route, requestId, requestHash };
}

/** Answers a POST that can be sent again: 201 with what it made, 200 with what an earlier duplicate made. */
export async function answerPost<T extends object>(
  db: Database,
  key: RequestKey | null,
  post: IdempotentPost<T>,
  headers: (value: T) => Readonly<Record<string, string>> = () => ({}),
): Promise<Outcome<Answer>> {
  const posted = await postOnce(db, key, post);
  if (!posted.ok) return posted;
  const { value, replayed } = posted.value;
  return replayed ? json(value, 200, { 'Idempotent-Replayed': 'true' }) : json(value, 201, headers(value));
}
