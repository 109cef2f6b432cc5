/**
 * A webhook endpoint on Fastify.
 *
 *   RUSHES_WEBHOOK_SECRET=whsec_… node examples/webhooks-fastify.ts
 */
import { fastifyReceiver, memoryEventStore } from '@rushes/sdk/webhooks/fastify';
import Fastify from 'fastify';

const app = Fastify();

// A plugin of its own: here the body stays as it came, on every other route it is parsed as ever.
await app.register(
  fastifyReceiver({
    // During a rotation both secrets, with a blank between them.
    secret: (process.env.RUSHES_WEBHOOK_SECRET ?? '').split(' '),
    // An event may come more than once. With several processes, keep the ids in your database instead.
    store: memoryEventStore(),
    onEvent: (event) => {
      console.log(`${event.type} ${event.id}`);
    },
    onRejected: (error) => console.error(error.message),
  }),
  { prefix: '/hooks/rushes' },
);

console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' })}`);
process.once('SIGTERM', () => void app.close());
