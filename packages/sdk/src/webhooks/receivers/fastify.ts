/** A webhook endpoint on Fastify 4 and 5. */
import { bodyNotRaw, isRawBody } from '../body.ts';
import type { WebhookHeaders } from '../headers.ts';
import { type ReceiverOptions, receiverSettings } from './options.ts';
import { receive } from './receive.ts';

export { type Claim, type EventStore, memoryEventStore, type MemoryEventStoreOptions } from './event-store.ts';
export type { ReceiverOptions, Secrets } from './options.ts';

const ADVICE = 'Something changed the request before the receiver got it. Look for a preValidation hook.';

/** Settings of `fastifyReceiver`. */
export interface FastifyReceiverOptions extends ReceiverOptions {
  /** The route, below the prefix of `register`. The default is `/`. */
  path?: string;
}

interface FastifyRequest {
  readonly method: string;
  readonly headers: WebhookHeaders;
  readonly body: unknown;
}

interface FastifyReply {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body?: string): unknown;
}

type ParsedBody = (error: Error | null, body?: unknown) => void;

/** The part of a Fastify instance that the receiver uses. */
export interface FastifyInstance {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string,
    options: { parseAs: 'buffer'; bodyLimit: number },
    parser: (request: never, body: Uint8Array, done: ParsedBody) => void,
  ): unknown;
  post(
    path: string,
    options: { bodyLimit: number },
    handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
  ): unknown;
}

/**
 * Receives webhooks as a Fastify plugin. It has its own content type parser, so the receiver gets the bytes unchanged and every other route still gets parsed JSON.
 *
 * @example
 * await app.register(fastifyReceiver({ secret, onEvent: async (event) => save(event) }), { prefix: '/hooks/rushes' });
 */
export function fastifyReceiver(options: FastifyReceiverOptions): (instance: FastifyInstance) => Promise<void> {
  const settings = receiverSettings(options);
  const bodyLimit = settings.maxBodyBytes;
  return async (instance) => {
    instance.removeAllContentTypeParsers();
    instance.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body));
    instance.post(options.path ?? '/', { bodyLimit }, async ({ method, headers, body }, reply) => {
      const answer = await receive(settings, {
        method,
        headers,
        readBody: () => {
          if (isRawBody(body)) return body;
          // A request without a body reaches no parser.
          if (body === undefined || body === null) return '';
          throw bodyNotRaw(body, ADVICE);
        },
      });
      reply.code(answer.status);
      for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value);
      if (answer.text !== '') reply.header('content-type', 'text/plain; charset=utf-8');
      reply.send(answer.text === '' ? undefined : answer.text);
      return reply;
    });
  };
}
