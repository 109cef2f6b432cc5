import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { getRequestListener, serve as serveHono } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { onTestFinished } from 'vitest';
import { signForTest, type WebhookEvent, type WebhookVerificationError } from '../src/webhooks/index.ts';
import { expressReceiver } from '../src/webhooks/receivers/express.ts';
import { fastifyReceiver } from '../src/webhooks/receivers/fastify.ts';
import { fetchReceiver } from '../src/webhooks/receivers/fetch.ts';
import { honoReceiver } from '../src/webhooks/receivers/hono.ts';
import { koaReceiver } from '../src/webhooks/receivers/koa.ts';
import { nodeReceiver } from '../src/webhooks/receivers/node.ts';
import type { ReceiverOptions } from '../src/webhooks/receivers/options.ts';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const OTHER_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
export const EVENT = {
  id: 'evt_1',
  type: 'webhook.test',
  created_at: '2026-11-21T00:00:00.000Z',
  data: { text: '你好 🎬' },
};
/** JSON that a parser would write differently: a receiver that does not use the bytes themselves fails on it. */
export const ODD_BODY = `{ "id":"evt_1",\n "type":"webhook.test", "data":{"n":1.0,"text":"\\u4f60好 🎬"} }`;

export async function listen(
  listener: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<string> {
  const server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/rushes`;
}

type Start = (options: ReceiverOptions) => Promise<string>;

export const startExpress: Start = (options) => {
  const app = express();
  app.post('/hooks/rushes', expressReceiver(options));
  app.use(express.json());
  return listen(app);
};

const startKoa: Start = (options) => {
  const app = new Koa();
  // Koa itself prints that a connection broke off.
  app.silent = true;
  app.use(koaReceiver(options));
  return listen(app.callback());
};

const startFastify: Start = async (options) => {
  const app = Fastify();
  await app.register(fastifyReceiver(options), { prefix: '/hooks/rushes' });
  app.post('/echo', async ({ body }) => body);
  onTestFinished(() => app.close());
  return `${await app.listen({ port: 0, host: '127.0.0.1' })}/hooks/rushes`;
};

const startHono: Start = (options) => {
  const app = new Hono();
  app.post('/hooks/rushes', honoReceiver(options));
  return new Promise((resolve) => {
    const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}/hooks/rushes`),
    );
    onTestFinished(() => void server.close());
  });
};

const startFetch: Start = (options) => listen(getRequestListener(fetchReceiver(options)));

export const FRAMEWORKS: [name: string, start: Start][] = [
  ['node:http', (options) => listen(nodeReceiver(options))],
  ['Express', startExpress],
  ['Koa', startKoa],
  ['Fastify', startFastify],
  ['Hono', startHono],
  ['a fetch handler', startFetch],
];

interface Sent {
  readonly status: number;
  readonly text: string;
}

export async function post(url: string, body: string | Uint8Array, headers: Record<string, string>): Promise<Sent> {
  const response = await fetch(url, { method: 'POST', body, headers });
  return { status: response.status, text: await response.text() };
}

export async function sendSigned(url: string, body: string | object = EVENT, secret = SECRET): Promise<Sent> {
  const signed = await signForTest(body, secret, { id: 'evt_1' });
  return post(url, signed.body, signed.headers);
}

/** A receiver's options that write down what they are told. */
export function recorder(options: Partial<ReceiverOptions> = {}): {
  options: ReceiverOptions;
  events: WebhookEvent[];
  errors: unknown[];
  rejections: WebhookVerificationError[];
} {
  const events: WebhookEvent[] = [];
  const errors: unknown[] = [];
  const rejections: WebhookVerificationError[] = [];
  const all: ReceiverOptions = {
    secret: SECRET,
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
    onRejected: (error) => rejections.push(error),
    ...options,
  };
  return { options: all, events, errors, rejections };
}

export async function openPost(url: string, length: number | null): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  const framing = length === null ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  socket.write(`POST ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`);
  return socket;
}

/** Sends chunks until there is an answer; its beginning. */
export async function sendEndlessly(url: string): Promise<string> {
  const socket = await openPost(url, null);
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
  const chunk = `400\r\n${'x'.repeat(1_024)}\r\n`;
  while (answer === '' && !socket.destroyed) {
    await new Promise<void>((resolve) => {
      socket.write(chunk, () => resolve());
    });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return answer;
}
