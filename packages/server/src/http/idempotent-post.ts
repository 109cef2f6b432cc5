import { createHash } from 'node:crypto';
import { canonicalJson } from '@rushes/contract';
import { runIdempotentPost, type Caller, type IdempotentPost, type RequestKey } from '../accounts/index.ts';
import type { Database } from '../db/index.ts';
import type { Outcome } from '../outcome/index.ts';
import { json, type Answer } from './exchange.ts';

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
  const requestHash = createHash('sha256').update(canonicalJson(request)).digest();
  return { accountUuid: caller.accountUuid, route, requestId, requestHash };
}

/** Answers a POST that can be sent again: 201 with what it made, 200 with what an earlier duplicate made. */
export async function answerPost<T extends object>(
  db: Database,
  key: RequestKey | null,
  post: IdempotentPost<T>,
  headers: (value: T) => Readonly<Record<string, string>> = () => ({}),
): Promise<Outcome<Answer>> {
  const posted = await runIdempotentPost(db, key, post);
  if (!posted.ok) return posted;
  const { value, replayed } = posted.value;
  return replayed ? json(value, 200, { 'Idempotent-Replayed': 'true' }) : json(value, 201, headers(value));
}
