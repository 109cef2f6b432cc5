/**
 * A webhook endpoint on Express.
 *
 *   RUSHES_WEBHOOK_SECRET=whsec_… node examples/webhooks-express.ts
 */
import { expressReceiver, memoryEventStore } from '@rushes/sdk/webhooks/express';
import express from 'express';

const app = express();

// Before express.json(): the signature is over the bytes that were sent.
app.post(
  '/hooks/rushes',
  expressReceiver({
    // During a rotation both secrets, with a blank between them.
    secret: (process.env.RUSHES_WEBHOOK_SECRET ?? '').split(' '),
    // An event may come more than once. With several processes, keep the ids in your database instead.
    store: memoryEventStore(),
    onEvent: (event) => {
      if (event.type === 'batch.completed') console.log(`${event.id}: ${event.data.credits.charged} credits`);
      console.log(`${event.type} ${event.id}`);
    },
    onRejected: (error) => console.error(error.message),
  }),
);
app.use(express.json());

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`listening on http://127.0.0.1:${address.port}`);
});
process.once('SIGTERM', () => server.close());
