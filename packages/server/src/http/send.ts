import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ParameterizedContext } from 'koa';
import type { Caller } from '../accounts/index.ts';
import type { Clock } from '../ports.ts';
import type { Refusal } from '../outcome/index.ts';
import { hasBody } from './body.ts';
import type { Answer } from './exchange.ts';
import { DRAIN_MAX_BYTES, DRAIN_TIMEOUT_MS, DRAIN_UNASKED_TIMEOUT_MS } from './limits.ts';
import { problemHeaders, toProblem } from './problem.ts';

/** What the middleware know of a request. */
export interface RequestState {
  traceId: string;
  /** Path template of the route that answers, for the log; the path itself may hold a signed link. */
  route: string | null;
  caller: Caller | null;
  /** The code of the problem document, for the log. */
  problem: string | null;
  /** The client waits for `100 Continue` and sends its body only then. */
  continuePending: boolean;
}

export type HttpContext = ParameterizedContext<RequestState>;

/** Reads and drops the rest of a request's body, within bounds. Resolves to whether the body came to its end. */
function drain(req: IncomingMessage, clock: Clock, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = new AbortController();
    let dropped = 0;
    const finish = (whole: boolean): void => {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      done.abort();
      resolve(whole);
    };
    const onData = (chunk: Buffer): void => {
      dropped += chunk.length;
      if (dropped > DRAIN_MAX_BYTES) finish(false);
    };
    const onEnd = (): void => finish(true);
    const onClose = (): void => finish(req.complete);
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    clock.sleep(timeoutMs, done.signal).then(
      () => finish(false),
      () => undefined,
    );
    req.resume();
  });
}

/**
 * The answer's bytes at once, its end only when the client has stopped sending: a connection that is closed while the
 * client still sends is reset, and a reset can take the answer with it. The client sees the whole answer all the same,
 * by its Content-Length.
 */
function answerWhileDraining(ctx: HttpContext, body: Buffer, clock: Clock): Readable {
  // Node closes such a connection itself: what the client sends next could be body or request.
  const unasked = ctx.state.continuePending;
  const { req } = ctx;
  async function* bytes(): AsyncGenerator<Buffer> {
    yield body;
    const whole = await drain(req, clock, unasked ? DRAIN_UNASKED_TIMEOUT_MS : DRAIN_TIMEOUT_MS);
    if (!whole) req.socket.destroySoon();
  }
  return Readable.from(bytes(), { objectMode: false });
}

function sendBytes(ctx: HttpContext, body: Buffer, clock: Clock): void {
  const unread = hasBody(ctx.req) && !ctx.req.complete && ctx.method !== 'HEAD';
  ctx.body = unread ? answerWhileDraining(ctx, body, clock) : body;
  ctx.length = body.length;
}

/** The one place that answers a request with a problem document. */
export function sendProblem(
  ctx: HttpContext,
  refusal: Refusal,
  clock: Clock,
  headers: Readonly<Record<string, string>> = {},
): void {
  const problem = toProblem(refusal, ctx.state.traceId);
  ctx.state.problem = refusal.code;
  ctx.status = problem.status;
  sendBytes(ctx, Buffer.from(JSON.stringify(problem)), clock);
  // After the body: Koa guesses a type for it when there is none.
  ctx.set({ ...problemHeaders(refusal), ...headers });
  ctx.set('Cache-Control', 'no-store');
}

export async function sendAnswer(ctx: HttpContext, answer: Answer, clock: Clock): Promise<void> {
  ctx.status = answer.status;
  switch (answer.kind) {
    case 'json':
      sendBytes(ctx, Buffer.from(JSON.stringify(answer.body)), clock);
      ctx.set('Content-Type', 'application/json; charset=utf-8');
      ctx.set('Cache-Control', 'no-store');
      break;
    case 'text':
      sendBytes(ctx, Buffer.from(answer.body), clock);
      ctx.set('Content-Type', answer.contentType);
      break;
    case 'empty':
      ctx.body = null;
      ctx.status = answer.status;
      break;
    case 'stream':
      ctx.body = ctx.method === 'HEAD' ? null : await answer.open();
      ctx.status = answer.status;
      ctx.set('Content-Type', answer.contentType);
      break;
  }
  ctx.set({ ...answer.headers });
}
