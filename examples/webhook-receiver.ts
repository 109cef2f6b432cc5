/**
 * A webhook endpoint in plain Node.
 *
 *   RUSHES_WEBHOOK_SECRET=whsec_… node examples/webhook-receiver.ts
 *
 * It needs the body as it came, byte for byte: a framework that parses it first breaks every signature.
 */
import { createServer } from 'node:http';
import { unwrap, WebhookVerificationError } from '@rushes/sdk/webhooks';

const secret = process.env.RUSHES_WEBHOOK_SECRET ?? '';
/** An event may come more than once; its id tells. A real receiver keeps these in its database. */
const seen = new Set<string>();

const server = createServer((request, response) => {
  void (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    try {
      const event = await unwrap(Buffer.concat(chunks), request.headers, secret);
      if (!seen.has(event.id)) {
        seen.add(event.id);
        console.log(`${event.type} ${event.id}`);
      }
      // Answer first, work later: after 5 seconds the delivery counts as failed and is repeated.
      response.writeHead(204).end();
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      response.writeHead(400).end(error.message);
    }
  })();
});

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`listening on http://127.0.0.1:${address.port}`);
});
process.once('SIGTERM', () => server.close());
