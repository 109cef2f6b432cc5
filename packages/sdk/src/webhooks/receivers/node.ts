/** A webhook endpoint on node:http, and on every framework and platform that gives access to its requests. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ReceiverOptions, receiverSettings } from './options.ts';
import { readNodeBody, writeAnswer } from './node-request.ts';
import { receive } from './receive.ts';

export { type Claim, type EventStore, memoryEventStore, type MemoryEventStoreOptions } from './event-store.ts';
export type { ReceiverOptions, Secrets } from './options.ts';

const ADVICE =
  'Something read the request before this receiver. Call the receiver first, or keep the bytes in request.rawBody.';

/** A listener of node:http. */
export type NodeReceiver = (request: IncomingMessage, response: ServerResponse) => void;

/** @param advice how to keep the bytes with this framework */
export function nodeReceiverWith(options: ReceiverOptions, advice: string): NodeReceiver {
  const settings = receiverSettings(options);
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const kept = request as IncomingMessage & { readonly rawBody?: unknown; readonly body?: unknown };
    const answer = await receive(settings, {
      method: request.method,
      headers: request.headers,
      readBody: (maxBytes) => readNodeBody(request, { rawBody: kept.rawBody, body: kept.body }, maxBytes, advice),
    });
    writeAnswer(response, answer);
  };
  return (request, response) => {
    respond(request, response).catch((error: unknown) => {
      // Somebody else answered while the handler worked.
      response.destroy();
      settings.onError(error, null);
    });
  };
}

/**
 * Receives webhooks on node:http.
 *
 * @example
 * createServer(nodeReceiver({ secret, onEvent: async (event) => save(event) })).listen(8080);
 */
export function nodeReceiver(options: ReceiverOptions): NodeReceiver {
  return nodeReceiverWith(options, ADVICE);
}
