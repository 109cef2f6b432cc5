/** A webhook endpoint on Koa 2 and 3. */
import type { IncomingMessage } from 'node:http';
import { readNodeBody } from './node-request.ts';
import { type ReceiverOptions, receiverSettings } from './options.ts';
import { receive } from './receive.ts';

export { type Claim, type EventStore, memoryEventStore, type MemoryEventStoreOptions } from './event-store.ts';
export type { ReceiverOptions, Secrets } from './options.ts';

const ADVICE =
  'Mount the receiver before the body parser, or use one that keeps the text in ctx.request.rawBody, as koa-bodyparser does.';

/** The part of Koa's context that the receiver uses. */
export interface KoaContext {
  readonly method: string;
  readonly req: IncomingMessage;
  readonly request: object;
  status: number;
  body: unknown;
  set(name: string, value: string): void;
}

/**
 * Receives webhooks as a Koa middleware. It answers every request that reaches it, so put a router before it. It reads the body itself, or uses the text that koa-bodyparser kept.
 *
 * @example
 * router.post('/hooks/rushes', koaReceiver({ secret, onEvent: async (event) => save(event) }));
 */
export function koaReceiver(options: ReceiverOptions): (context: KoaContext) => Promise<void> {
  const settings = receiverSettings(options);
  return async (context) => {
    const { req, request } = context;
    const kept = request as { readonly rawBody?: unknown; readonly body?: unknown };
    const { status, text, headers } = await receive(settings, {
      method: context.method,
      headers: req.headers,
      readBody: (maxBytes) => readNodeBody(req, { rawBody: kept.rawBody, body: kept.body }, maxBytes, ADVICE),
    });
    context.body = text === '' ? null : text;
    // After the body: Koa makes 200 or 204 of a status that was not set since.
    context.status = status;
    for (const [name, value] of Object.entries(headers)) context.set(name, value);
  };
}
