import Router from '@koa/router';
import type { IncomingMessage } from 'node:http';
import Koa from 'koa';
import { BodyBudget, hasBody, readBody } from './body.ts';
import type { HttpDeps } from './deps.ts';
import type { Exchange } from './exchange.ts';
import { admit } from './admission.ts';
import { BUFFERED_BODIES_MAX_BYTES } from './limits.ts';
import {
  answerErrors,
  checkRequestLine,
  closeWhenStopping,
  describeError,
  observeRequests,
  trace,
  type HttpMiddleware,
} from './middleware.ts';
import { Refused } from './problem.ts';
import { RateLimiter } from './rate-limit.ts';
import type { Access, Route } from './route.ts';
import { sendAnswer, type HttpContext, type RequestState } from './send.ts';

function toExchange(ctx: HttpContext, params: Readonly<Record<string, string>>, budget: BodyBudget): Exchange {
  const gone = new AbortController();
  let held = 0;
  ctx.res.once('close', () => {
    budget.giveBack(held);
    if (!ctx.res.writableFinished) gone.abort();
  });
  return {
    traceId: ctx.state.traceId,
    params,
    query: ctx.querystring,
    headers: ctx.req.headers,
    distinctHeaders: ctx.req.headersDistinct,
    hasBody: hasBody(ctx.req),
    signal: gone.signal,
    readBody: (maxBytes) =>
      readBody(ctx.req, maxBytes, budget, {
        begin: () => {
          if (ctx.state.continuePending) ctx.res.writeContinue();
          ctx.state.continuePending = false;
        },
        taken: (bytes) => {
          held += bytes;
        },
      }),
  };
}

const KEYED_PREFIX = /^\/v1(\/|$)/;
const OPERATOR_PREFIX = /^\/admin(\/|$)/;
const ANY_KEY: Access = { kind: 'key', scope: null, writes: false, counted: true };

/** 404, or 405 with the methods that the path has. Under /v1 and /admin only for those with a key. */
function answerUnmatched(
  router: Router<RequestState>,
  admitKeyHolder: (ctx: HttpContext, access: Access) => Promise<void>,
): HttpMiddleware {
  return async (ctx) => {
    const methods = new Set(router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods));
    const allow = [...methods, ...(methods.size > 0 ? ['OPTIONS'] : [])].join(', ');
    if (ctx.method === 'OPTIONS' && methods.size > 0) {
      ctx.status = 204;
      ctx.set('Allow', allow);
      return;
    }
    if (KEYED_PREFIX.test(ctx.path)) await admitKeyHolder(ctx, ANY_KEY);
    if (OPERATOR_PREFIX.test(ctx.path)) await admitKeyHolder(ctx, { kind: 'operator' });
    if (methods.size === 0) {
      throw new Refused({
        code: 'not_found',
        detail: 'There is nothing at this path. GET /openapi.json lists every route.',
      });
    }
    throw new Refused(
      { code: 'method_not_allowed', detail: `This path does not allow ${ctx.method}. It allows ${allow}.` },
      { Allow: allow },
    );
  };
}

/** The Koa application over a table of routes. */
export function createApp(
  deps: HttpDeps,
  routes: readonly Route[],
  stopping: AbortSignal,
  awaitingContinue: WeakSet<IncomingMessage>,
): Koa<RequestState> {
  const app = new Koa<RequestState>();
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  const limiter = new RateLimiter();
  const budget = new BodyBudget(BUFFERED_BODIES_MAX_BYTES);

  for (const route of routes) {
    router[route.method](route.path, async (ctx) => {
      ctx.state.route = route.path;
      const { caller, operator } = await admit(ctx, deps, limiter, route.access);
      const answer = await route.answer(toExchange(ctx, ctx.params, budget), caller, operator);
      if (!answer.ok) throw new Refused(answer.refusal);
      await sendAnswer(ctx, answer.value, deps.clock);
    });
  }

  app.use(trace(deps.random, awaitingContinue));
  app.use(observeRequests(deps.clock, deps.logger, deps.metrics.metrics));
  app.use(closeWhenStopping(stopping));
  app.use(answerErrors(deps.clock, deps.logger, deps.isUnavailable));
  app.use(checkRequestLine);
  app.use(router.routes());
  app.use(
    answerUnmatched(router, async (ctx, access) => {
      await admit(ctx, deps, limiter, access);
    }),
  );
  // What fails after the head has gone can only cut the connection (Koa did that); a reader who left is no failure.
  app.on('error', (error: unknown, ctx: HttpContext) => {
    const left = error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
    const fields = { trace_id: ctx.state.traceId, route: ctx.state.route, ...describeError(error) };
    if (left) deps.logger.debug(fields, 'the reader of an answer left');
    else deps.logger.error(fields, 'an answer broke off');
  });
  return app;
}
