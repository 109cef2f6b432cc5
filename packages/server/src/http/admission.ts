/**
 * The checks of every request to a route that needs a key, in this order: key (401), requests per minute (429), scope
 * (403).
 */
import type { KeyUuid } from '@rushes/contract';
import { authenticate, type Caller } from '../accounts/index.ts';
import { authenticateOperator } from '../operators/index.ts';
import type { Outcome } from '../outcome/index.ts';
import type { HttpDeps } from './deps.ts';
import { OPERATOR_REQUESTS_PER_MIN } from './limits.ts';
import { Refused } from './problem.ts';
import { rateLimitHeaders, type RateLimiter } from './rate-limit.ts';
import type { Access, Operator } from './route.ts';
import type { HttpContext } from './send.ts';

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** The text of the key that a request brings. */
function bearer(ctx: HttpContext, prefix: 'rk_' | 'ro_'): string {
  const header = ctx.req.headers.authorization;
  const how = `Send it as "Authorization: Bearer ${prefix}...".`;
  const kind = prefix === 'rk_' ? 'API key' : 'operator key';
  if (header === undefined) throw new Refused({ code: 'unauthorized', detail: `This route needs an ${kind}. ${how}` });
  const text = BEARER.exec(header)?.[1];
  if (text === undefined) {
    throw new Refused({ code: 'unauthorized', detail: `The Authorization header does not have an ${kind}. ${how}` });
  }
  return text;
}

function accepted<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Refused(outcome.refusal);
  return outcome.value;
}

function countRequest(
  ctx: HttpContext,
  deps: HttpDeps,
  limiter: RateLimiter,
  keyUuid: KeyUuid,
  requestsPerMin: number,
): void {
  const verdict = limiter.take(keyUuid, requestsPerMin, deps.clock.monotonicMs());
  ctx.set(rateLimitHeaders(verdict));
  if (verdict.allowed) return;
  throw new Refused({
    code: 'rate_limited',
    detail: `This key may send ${verdict.limit} requests a minute. Send the request again in ${verdict.retryAfterSeconds} s.`,
    retryAfterSeconds: verdict.retryAfterSeconds,
  });
}

function checkRights(caller: Caller, access: Access & { kind: 'key' }): void {
  if (access.scope !== null && !caller.scopes.includes(access.scope)) {
    throw new Refused({
      code: 'forbidden',
      detail: `This API key does not have the scope ${access.scope}. Use a key that has it.`,
      param: access.scope,
    });
  }
  if (access.writes && caller.accountStatus === 'suspended') {
    throw new Refused({
      code: 'account_suspended',
      detail: 'The account is suspended: it can read, but it cannot change anything. Ask the operator of this server.',
    });
  }
}

export interface Admitted {
  readonly caller: Caller | null;
  readonly operator: Operator | null;
}

/** Admits a request or throws `Refused`. */
export async function admit(ctx: HttpContext, deps: HttpDeps, limiter: RateLimiter, access: Access): Promise<Admitted> {
  if (access.kind === 'public') return { caller: null, operator: null };
  if (access.kind === 'operator') {
    const operator = accepted(await authenticateOperator(deps.db, deps.keyHasher, bearer(ctx, 'ro_')));
    countRequest(ctx, deps, limiter, operator.keyUuid, OPERATOR_REQUESTS_PER_MIN);
    return { caller: null, operator };
  }
  const caller = accepted(await authenticate(deps.db, deps.keyHasher, bearer(ctx, 'rk_')));
  ctx.state.caller = caller;
  if (access.counted) countRequest(ctx, deps, limiter, caller.keyUuid, caller.limits.rate_limit_per_min);
  checkRights(caller, access);
  return { caller, operator: null };
}
