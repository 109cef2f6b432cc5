/** A webhook endpoint on Express 4 and 5. */
import type { ReceiverOptions } from './options.ts';
import { nodeReceiverWith, type NodeReceiver } from './node.ts';

export { type Claim, type EventStore, memoryEventStore, type MemoryEventStoreOptions } from './event-store.ts';
export type { ReceiverOptions, Secrets } from './options.ts';

const ADVICE =
  'Mount the receiver before app.use(express.json()), or keep the bytes there: ' +
  'express.json({ verify: (request, _response, bytes) => { request.rawBody = bytes; } }).';

/**
 * Receives webhooks on a route of Express. It reads the body itself: mount it before `express.json()`.
 *
 * @example
 * app.post('/hooks/rushes', expressReceiver({ secret, onEvent: async (event) => save(event) }));
 */
export function expressReceiver(options: ReceiverOptions): NodeReceiver {
  return nodeReceiverWith(options, ADVICE);
}
