/** A webhook endpoint on Hono 4, on any of its runtimes. */
import { bodyNotRaw, isRawBody, type RawBody } from '../body.ts';
import { readWebStream, toResponse } from './fetch-request.ts';
import { type ReceiverOptions, receiverSettings } from './options.ts';
import { BodyTooLarge, receive } from './receive.ts';

export { type Claim, type EventStore, memoryEventStore, type MemoryEventStoreOptions } from './event-store.ts';
export type { ReceiverOptions, Secrets } from './options.ts';

const ADVICE = 'A middleware read the request and kept only the parsed value. Mount the receiver before it.';

/** The part of Hono's context that the receiver uses. */
export interface HonoContext {
  readonly req: { readonly raw: Request; readonly bodyCache: object };
  readonly executionCtx: { waitUntil(work: Promise<unknown>): void };
}

/** A middleware that read the body leaves the text or the bytes with the request. */
async function keptBody(cache: object, maxBytes: number): Promise<RawBody> {
  const { text, arrayBuffer } = cache as { readonly text?: unknown; readonly arrayBuffer?: unknown };
  const body: unknown = await (text ?? arrayBuffer);
  if (!isRawBody(body)) throw bodyNotRaw({}, ADVICE);
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body).length : body.byteLength;
  if (bytes > maxBytes) throw new BodyTooLarge();
  return body;
}

/** Where the runtime has no such context, asking for it throws. */
function keepAlive(context: HonoContext, work: Promise<void>): void {
  try {
    context.executionCtx.waitUntil(work);
  } catch {
    // A runtime with processes of its own, such as Node, goes on anyway.
  }
}

/**
 * Receives webhooks on a route of Hono.
 *
 * @example
 * app.post('/hooks/rushes', honoReceiver({ secret, onEvent: async (event) => save(event) }));
 */
export function honoReceiver(options: ReceiverOptions): (context: HonoContext) => Promise<Response> {
  const settings = receiverSettings(options);
  return async (context) => {
    const { raw, bodyCache } = context.req;
    return toResponse(
      await receive(settings, {
        method: raw.method,
        headers: raw.headers,
        readBody: (maxBytes) => (raw.bodyUsed ? keptBody(bodyCache, maxBytes) : readWebStream(raw.body, maxBytes)),
        keepAlive: (work) => keepAlive(context, work),
      }),
    );
  };
}
