import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Clock, Logger, Metrics, Random } from '../ports.ts';
import type { Refusal } from '../outcome/index.ts';
import { ClientGone } from './exchange.ts';
import { UNAVAILABLE_RETRY_SECONDS } from './limits.ts';
import { Refused } from './problem.ts';
import { sendProblem, type HttpContext, type RequestState } from './send.ts';

export type HttpMiddleware = Middleware<RequestState>;

/** 32 hex digits, as a trace-id of W3C Trace Context. Never the client's: it must lead to one exchange. */
export function newTraceId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}

/** Gives every exchange its trace id, in the answer's header and in every log line about it. */
export function trace(random: Random, awaitingContinue: WeakSet<IncomingMessage>): HttpMiddleware {
  return async (ctx, next) => {
    ctx.state.traceId = newTraceId(random);
    ctx.state.route = null;
    ctx.state.caller = null;
    ctx.state.problem = null;
    ctx.state.continuePending = awaitingContinue.has(ctx.req);
    ctx.set('x-trace-id', ctx.state.traceId);
    await next();
  };
}

const REQUEST_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** By route: paths would be a series each. */
function requestMeter(metrics: Metrics): (exchange: { ctx: HttpContext; durationMs: number }) => void {
  const requests = metrics.counter({
    name: 'rushes_http_requests_total',
    help: 'HTTP requests by route and status. Requests without a matching route have the route "none".',
    labels: ['method', 'route', 'status'],
  });
  const seconds = metrics.histogram(
    {
      name: 'rushes_http_request_seconds',
      help: 'Time from the head of a request to the last byte of its answer.',
      labels: ['method', 'route'],
    },
    REQUEST_BUCKETS_S,
  );
  return ({ ctx, durationMs }) => {
    const route = ctx.state.route ?? 'none';
    // A client may send any word as a method, and each would be a series for ever.
    const method = ctx.state.route === null ? 'other' : ctx.method;
    const status = ctx.res.writableFinished ? String(ctx.res.statusCode) : 'cut_off';
    requests.add({ method, route, status });
    seconds.observe({ method, route }, durationMs / 1_000);
  };
}

/**
 * One line per exchange and its count, when its last byte has gone. Names the route, never the path: links are in paths.
 * One listener for both: an answer may have ten of all hands before Node takes them for a leak.
 */
export function observeRequests(clock: Clock, logger: Logger, metrics: Metrics): HttpMiddleware {
  const measure = requestMeter(metrics);
  return async (ctx, next) => {
    const startedMs = clock.monotonicMs();
    ctx.res.once('close', () => {
      const durationMs = clock.monotonicMs() - startedMs;
      measure({ ctx, durationMs });
      const { traceId, route, caller, problem } = ctx.state;
      const fields = {
        trace_id: traceId,
        method: ctx.method,
        route,
        status: ctx.res.statusCode,
        duration_ms: Math.round(durationMs),
        ...(problem === null ? {} : { problem }),
        ...(caller === null ? {} : { account: caller.accountUuid, key: caller.keyUuid }),
        ...(ctx.res.writableFinished ? {} : { cut_off: true }),
      };
      if (ctx.res.statusCode >= 500) logger.warn(fields, 'request failed');
      else logger.info(fields, 'request');
    });
    await next();
  };
}

/** What may be logged of an error: PostgreSQL's `detail` and `where` hold row values, prompts among them. */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { error: error.name, message: error.message, stack: error.stack, ...code };
}

function refusalOf(error: unknown, isUnavailable: (error: unknown) => boolean): Refusal {
  if (isUnavailable(error)) {
    return {
      code: 'unavailable',
      detail: 'The server cannot reach its database at the moment. Send the same request again in a moment.',
      retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
    };
  }
  return {
    code: 'internal_error',
    detail:
      'An error happened on our side. Send the same request again. If the error stays, report the trace_id to the operator.',
  };
}

/** Turns whatever is thrown into a problem document. What was not meant for the customer goes to the log alone. */
export function answerErrors(clock: Clock, logger: Logger, isUnavailable: (error: unknown) => boolean): HttpMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (error instanceof ClientGone) {
        logger.debug({ trace_id: ctx.state.traceId, route: ctx.state.route }, 'the client went away');
        ctx.respond = false;
        ctx.res.destroy();
        return;
      }
      if (error instanceof Refused) {
        sendProblem(ctx, error.refusal, clock, error.headers);
        return;
      }
      const refusal = refusalOf(error, isUnavailable);
      const fields = { trace_id: ctx.state.traceId, route: ctx.state.route, ...describeError(error) };
      if (refusal.code === 'unavailable') logger.warn(fields, 'the database is not available');
      else logger.error(fields, 'a request failed unexpectedly');
      for (const name of ctx.res.getHeaderNames()) {
        if (name !== 'x-trace-id' && !name.startsWith('ratelimit')) ctx.remove(name);
      }
      sendProblem(ctx, refusal, clock);
    }
  };
}

/** What Node lets pass and HTTP does not, and the absolute form of a request target, which HTTP allows. */
export const checkRequestLine: HttpMiddleware = async (ctx, next) => {
  if (ctx.req.httpVersion === '1.1' && ctx.req.headers.host === undefined) {
    throw new Refused({ code: 'invalid_request', detail: 'An HTTP/1.1 request needs a Host header.', param: 'Host' });
  }
  const target = ctx.req.url ?? '';
  if (!target.startsWith('/')) {
    const url = URL.canParse(target) ? new URL(target) : null;
    if (url === null || !url.pathname.startsWith('/')) {
      throw new Refused({ code: 'invalid_request', detail: 'The request target must be a path.' });
    }
    ctx.req.url = url.pathname + url.search;
  }
  await next();
};

/** While the server stops, no connection is kept for another request, not that of an answer under way either. */
export function closeWhenStopping(stopping: AbortSignal): HttpMiddleware {
  return async (ctx, next) => {
    await next();
    if (stopping.aborted && !ctx.headerSent) ctx.set('Connection', 'close');
  };
}
