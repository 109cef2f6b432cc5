import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { WebhookEvent } from '@rushes/sdk';
import { unwrap } from '@rushes/sdk/webhooks';
import { onTestFinished } from 'vitest';

/** A program of the customer's that gets webhooks. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Bodies and headers in the order of their arrival. */
  readonly received: { readonly body: string; readonly headers: Record<string, string> }[];
  /** The events, each with its signature checked against `secret`. */
  events(secret: string): Promise<WebhookEvent[]>;
  close(): Promise<void>;
}

/** @param statuses of the first answers; then 204. */
export async function startReceiver(statuses: number[] = [], port = 0): Promise<Receiver> {
  const received: { body: string; headers: Record<string, string> }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ body, headers: request.headers as Record<string, string> });
      response.writeHead(statuses.shift() ?? 204, { location: 'http://127.0.0.1:1/' }).end('the answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  onTestFinished(close);
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    port: address.port,
    received,
    events: (secret) => Promise.all(received.map(({ body, headers }) => unwrap(body, headers, secret))),
    close,
  };
}

/** A port on which nobody listens now. */
export async function freePort(): Promise<number> {
  const receiver = await startReceiver();
  await receiver.close();
  return receiver.port;
}
