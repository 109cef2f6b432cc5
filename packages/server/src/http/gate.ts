/** What every request to a keyed route passes, in this order: key (401), requests per minute (429), scope (403). */
import { authenticate, type Caller } from '../accounts/index.ts';
import type { HttpDeps } from './deps.ts';
import { Refused } from './problem.ts';
import { rateLimitHeaders, type RateLimiter } from './rate-limit.ts';
import type { Access } from './route.ts';
import type { HttpContext } from './send.ts';

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

const HOW = 'Send it as "Authorization: Bearer rk_...".';

async function identify(ctx: HttpContext, deps: HttpDeps): Promise<Caller> {
  const header = ctx.req.headers.authorization;
  if (header === undefined) throw new Refused({ code: 'unauthorized', detail: `This needs an API key. ${HOW}` });
  const text = BEARER.exec(header)?.[1];
  if (text === undefined) {
    throw new Refused({ code: 'unauthorized', detail: `The Authorization header holds no API key. ${HOW}` });
  }
  const caller = await authenticate(deps.db, deps.keyHasher, text);
  if (!caller.ok) throw new Refused(caller.refusal);
  return caller.value;
}

function countRequest(ctx: HttpContext, deps: HttpDeps, limiter: RateLimiter, caller: Caller): void {
  const verdict = limiter.take(caller.keyUuid, caller.rateLimitPerMin, deps.clock.monotonicMs());
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
      detail: `This API key lacks the scope ${access.scope}. Use a key that has it.`,
      param: access.scope,
    });
  }
  if (access.writes && caller.accountStatus === 'suspended') {
    throw new Refused({
      code: 'account_suspended',
      detail: 'The account is suspended: it can read, but change nothing. Ask the operator of this server.',
    });
  }
}

/** Admits a request or throws `Refused`. Null for public routes. */
export async function admit(
  ctx: HttpContext,
  deps: HttpDeps,
  limiter: RateLimiter,
  access: Access,
): Promise<Caller | null> {
  if (access.kind === 'public') return null;
  const caller = await identify(ctx, deps);
  ctx.state.caller = caller;
  if (access.counted) countRequest(ctx, deps, limiter, caller);
  checkRights(caller, access);
  return caller;
}
