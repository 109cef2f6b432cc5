import { z } from 'zod';
import { refuse, type Outcome } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json, type Answer } from '../exchange.ts';
import { CALLBACKS_PER_MIN, SMALL_BODY_MAX_BYTES } from '../limits.ts';
import { RateLimiter } from '../rate-limit.ts';
import type { Route } from '../route.ts';
import { success } from '../successes.ts';

/** One answer for everything that is not taken: an address tells nobody whether it was ever given out. */
const NOTHING_HERE: Outcome<never> = refuse({ code: 'not_found', detail: 'There is nothing at this path.' });

const receivedSchema = z.object({}).meta({ id: 'CallbackReceived' });

/**
 * Where upstreams post what became of a submission. Unsigned, from anywhere, and never believed: it only names an id to
 * ask the upstream for, and only for the one submission that its address was made for.
 */
function callbackRoute(deps: HttpDeps): Route {
  const limiter = new RateLimiter();
  return {
    method: 'post',
    path: '/callbacks/:route/:token',
    access: { kind: 'public' },
    operation: {
      id: 'receiveCallback',
      tag: 'Server',
      summary: 'Receive news about a submission from an upstream',
      description: 'For upstreams only. The content counts only after a request to the upstream confirms it.',
      params: { route: 'Name of the upstream.', token: 'Identifies the submission. Only its upstream knows it.' },
      query: null,
      body: [{ mediaType: 'application/json', schema: z.looseObject({}) }],
      successes: [success(200, 'Received.', receivedSchema)],
      refusals: ['not_found'],
    },
    async answer(exchange): Promise<Outcome<Answer>> {
      const { route = '', token = '' } = exchange.params;
      const key = deps.callbacks.find(route, token);
      if (key === null) return NOTHING_HERE;
      if (!limiter.take(token, CALLBACKS_PER_MIN, deps.clock.monotonicMs()).allowed) return NOTHING_HERE;
      const body = await exchange.readBody(SMALL_BODY_MAX_BYTES);
      if (!body.ok) return body.refusal.code === 'unavailable' ? body : NOTHING_HERE;
      await deps.callbacks.deliver(route, key, body.value);
      return json({});
    },
  };
}

export function routes(deps: HttpDeps): readonly Route[] {
  return [callbackRoute(deps)];
}
