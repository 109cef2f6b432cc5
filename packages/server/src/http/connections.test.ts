import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestAccount, type TestHttpServer } from '../../testing/http-server.ts';
import { rawExchange, rawExchanges, type RawAnswer } from '../../testing/raw-http.ts';
import { SMALL_BODY_MAX_BYTES } from './limits.ts';

let server: TestHttpServer;
let account: TestAccount;
beforeAll(async () => {
  server = await startTestHttpServer();
  account = await server.account();
});
afterAll(() => server.close());

function expectProblem(answer: RawAnswer, status: number, code: string): void {
  expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
  const problem = JSON.parse(answer.body) as { code: string; trace_id: string };
  expect(problem.code).toBe(code);
  expect(answer.headers['x-trace-id']).toBe(problem.trace_id);
  expect(answer.headers['x-should-retry']).toBe('false');
}

const head = (lines: readonly string[]): string => [...lines, '', ''].join('\r\n');
const post = (more: readonly string[]): string =>
  head([
    'POST /v1/webhook-endpoints HTTP/1.1',
    'Host: test',
    `Authorization: Bearer ${account.key}`,
    'Content-Type: application/json',
    ...more,
  ]);

describe('malformed HTTP is answered with a problem document and a trace id', () => {
  it.each([
    ['a garbled request line', 'NONSENSE\r\n\r\n', 400, 'invalid_request'],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'invalid_request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'invalid_request',
    ],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'invalid_request',
    ],
    ['large headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['a target that is no path', 'GET mailto:a@b HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'invalid_request'],
    ['an unknown path', 'GET //v1//models HTTP/1.1\r\nHost: a\r\n\r\n', 404, 'not_found'],
  ])('%s', async (_name, text, status, code) => {
    expectProblem(await rawExchange(server.url, (socket) => socket.write(text)), status, code);
  });

  it('the absolute form of a target is understood', async () => {
    const answer = await rawExchange(server.url, (socket) =>
      socket.write('GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n'),
    );
    expect(answer.status).toBe(200);
  });

  it('a trace id of the client is not taken over', async () => {
    const answer = await server.client.get('/healthz', { headers: { 'x-trace-id': 'f'.repeat(32) } });
    expect(answer.headers.get('x-trace-id')).not.toBe('f'.repeat(32));
  });
});

describe('413', () => {
  /** Writes without end, as fast as the server reads. */
  function pour(socket: Socket, bytes: string): void {
    const more = (): void => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on('drain', more);
    more();
  }

  it('a client that announces too much gets the answer while it is still sending', async () => {
    const answer = await rawExchange(server.url, (socket) => {
      socket.write(post([`Content-Length: ${64 * 1024 * 1024}`]));
      pour(socket, 'x'.repeat(65_536));
    });
    expectProblem(answer, 413, 'payload_too_large');
  });

  it('a client that sends chunks without end gets the answer while it is still sending', async () => {
    const answer = await rawExchange(server.url, (socket) => {
      socket.write(post(['Transfer-Encoding: chunked']));
      pour(socket, `1000\r\n${'x'.repeat(4_096)}\r\n`);
    });
    expectProblem(answer, 413, 'payload_too_large');
  });

  it.each([
    ['asks to close', 'POST /v1/models HTTP/1.1', ['Host: a', 'Connection: close']],
    ['speaks HTTP/1.0', 'POST /v1/models HTTP/1.0', []],
  ])('a client that %s and looks late still gets the answer', async (_name, requestLine, headers) => {
    let reset: Error | null = null;
    const answer = await rawExchange(server.url, (socket) => {
      socket.write(head([requestLine, ...headers, `Content-Length: ${64 * 1024 * 1024}`]));
      // Looks only after it has sent a good part: were the connection closed by then, many a client would not look.
      socket.pause();
      socket.write('x'.repeat(16 * 1024 * 1024), (error) => {
        reset = error ?? null;
        socket.resume();
      });
    });
    expect(reset).toBeNull();
    expectProblem(answer, 401, 'unauthorized');
  });

  it('a client that waits for 100 Continue is refused without it', async () => {
    let interim = '';
    const answer = await rawExchange(server.url, (socket) => {
      socket.on('data', (chunk: string) => {
        interim += chunk;
      });
      socket.write(post([`Content-Length: ${SMALL_BODY_MAX_BYTES + 1}`, 'Expect: 100-continue']));
    });
    expectProblem(answer, 413, 'payload_too_large');
    expect(interim).not.toContain('100 Continue');
    expect(answer.headers['connection']).toBe('close');
  });

  it('a refusal sent before the body was read leaves the connection usable', async () => {
    const body = 'x'.repeat(300_000);
    const [refused, next] = await rawExchanges(server.url, 2, (socket) => {
      socket.write(head(['POST /v1/models HTTP/1.1', 'Host: a', `Content-Length: ${body.length}`]));
      // The refusal is there before the body: only then does the rest of it have to be skipped.
      socket.once('data', () => {
        socket.write(body);
        socket.write(head(['GET /healthz HTTP/1.1', 'Host: a']));
      });
    });
    expectProblem(refused!, 401, 'unauthorized');
    expect(next?.status).toBe(200);
  });

  it('a body of exactly the limit is read', async () => {
    const text = JSON.stringify({ url: 'https://hooks.example.com/', padding: '' });
    const json = text.replace('""', `"${'x'.repeat(SMALL_BODY_MAX_BYTES - text.length)}"`);
    const headers = { 'content-type': 'application/json' };
    const fits = await server.client.post('/v1/webhook-endpoints', { key: account.key, body: json, headers });
    expect(fits.status).toBe(400);
    const over = await server.client.post('/v1/webhook-endpoints', { key: account.key, body: `${json} `, headers });
    expect(over.status).toBe(413);
  });
});

describe('415', () => {
  it.each([
    ['no type', {}],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a coding', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('%s', async (_name, headers) => {
    const answer = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      body: new TextEncoder().encode('{}'),
      headers,
    });
    expect(answer.status).toBe(415);
    expect(answer.body.detail).toMatch(/Send/);
  });

  it('comes before 413', async () => {
    const answer = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      body: new Uint8Array(SMALL_BODY_MAX_BYTES + 1),
      headers: { 'content-type': 'text/plain' },
    });
    expect(answer.status).toBe(415);
  });
});

describe('a body that breaks off', () => {
  it('changes nothing, and the server goes on', async () => {
    await new Promise<void>((resolve) => {
      void rawExchange(server.url, (socket) => {
        socket.write(`${post(['Content-Length: 1000'])}{"url":`, () => socket.destroy());
      }).catch(() => resolve());
    });
    expect((await server.client.get('/healthz')).status).toBe(200);
  });
});
