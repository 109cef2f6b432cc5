/** A webhook endpoint as a function from `Request` to `Response`: for Next.js route handlers, Workers, Bun and Deno. */
import { bodyNotRaw } from '../body.ts';
import { readWebStream, toResponse } from './fetch-request.ts';
import { type ReceiverOptions, receiverSettings } from './options.ts';
import { receive } from './receive.ts';

export { type Claim, type EventStore, memoryEventStore, type MemoryEventStoreOptions } from './event-store.ts';
export type { ReceiverOptions, Secrets } from './options.ts';

const ADVICE =
  'Something read the request before this receiver. Use request.clone() there, or call the receiver first.';

/**
 * The second argument. A context with `waitUntil` keeps the runtime alive for `acknowledge: 'at-once'`. Other values,
 * such as the parameters of a Next.js route, are ignored.
 */
export type FetchReceiver = (request: Request, context?: unknown) => Promise<Response>;

function waitUntilOf(context: unknown): ((work: Promise<void>) => void) | undefined {
  if (typeof context !== 'object' || context === null) return undefined;
  const owner = context as { waitUntil?: unknown };
  const { waitUntil } = owner;
  return typeof waitUntil === 'function' ? (work) => void waitUntil.call(owner, work) : undefined;
}

/**
 * Receives webhooks on runtimes where a request is a `Request` and the answer is a `Response`.
 *
 * @example
 * export const POST = fetchReceiver({ secret, onEvent: async (event) => save(event) });   // app/hooks/route.ts of Next.js
 * @example
 * const receive = fetchReceiver(options);
 * export default { fetch: (request, env, context) => receive(request, context) };         // a Worker
 */
export function fetchReceiver(options: ReceiverOptions): FetchReceiver {
  const settings = receiverSettings(options);
  return async (request, context) =>
    toResponse(
      await receive(settings, {
        method: request.method,
        headers: request.headers,
        readBody: (maxBytes) => {
          if (request.bodyUsed) throw bodyNotRaw({}, ADVICE);
          return readWebStream(request.body, maxBytes);
        },
        keepAlive: waitUntilOf(context),
      }),
    );
}
