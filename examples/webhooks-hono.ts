/**
 * A webhook endpoint on Hono, here on Node; on Workers, Bun and Deno the route is the same.
 *
 *   RUSHES_WEBHOOK_SECRET=whsec_… node examples/webhooks-hono.ts
 */
import { serve } from '@hono/node-server';
import { honoReceiver, memoryEventStore } from '@rushes/sdk/webhooks/hono';
import { Hono } from 'hono';

const app = new Hono();

app.post(
  '/hooks/rushes',
  honoReceiver({
    // During a rotation both secrets, with a blank between them.
    secret: (process.env.RUSHES_WEBHOOK_SECRET ?? '').split(' '),
    // An event may come more than once. With several processes, keep the ids in your database instead.
    store: memoryEventStore(),
    onEvent: (event) => {
      console.log(`${event.type} ${event.id}`);
    },
    onRejected: (error) => console.error(error.message),
  }),
);

const port = Number(process.env.PORT ?? 8080);
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (address) =>
  console.log(`listening on http://127.0.0.1:${address.port}`),
);
process.once('SIGTERM', () => server.close());
