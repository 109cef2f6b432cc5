import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpClient } from './http-client.ts';

const http = createHttpClient();
let server: Server;
let url = '';
let label = '';
let sent: Buffer = Buffer.alloc(0);
let accepted: string | string[] | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    accepted = request.headers['accept-encoding'];
    response.writeHead(200, { 'content-encoding': label }).end(sent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await http.close();
  await new Promise((resolve) => server.close(resolve));
});

async function answered(coding: string, body: Buffer): Promise<Buffer> {
  label = coding;
  sent = body;
  const response = await http.request({ method: 'POST', url, timeoutMs: 20_000, maxResponseBytes: 10_000 });
  return Buffer.from(response.body);
}

test.each([
  ['gzip', gzipSync],
  ['X-GZIP', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['identity', (body: Buffer) => body],
] as const)('an answer that comes packed as %s although nobody asked for it is read', async (coding, pack) => {
  const text = '{"id":"ä"}';
  expect((await answered(coding, pack(Buffer.from(text)))).toString()).toBe(text);
  expect(accepted).toBe('identity');
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
] as const)(
  'an answer that unpacks to more than the limit is too large, whatever it weighs (%s)',
  async (coding, pack) => {
    await expect(answered(coding, pack(Buffer.alloc(5_000_000)))).rejects.toMatchObject({ kind: 'too_large' });
  },
);

test('an answer that does not unpack is left as it came: its label may be what is wrong', async () => {
  const cutOff = gzipSync(Buffer.alloc(100, 'a')).subarray(0, -10);
  for (const body of [Buffer.from('plain'), cutOff, Buffer.alloc(0)])
    expect(await answered('gzip', body)).toEqual(body);
});

test('an answer packed twice is left as it came: a few bytes of it could unpack to anything', async () => {
  const body = gzipSync(gzipSync(Buffer.from('x')));
  expect(await answered('gzip, gzip', body)).toEqual(body);
});
