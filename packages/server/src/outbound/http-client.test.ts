import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Agent, type Dispatcher } from 'undici';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createHttpClient } from './http-client.ts';
import { HttpFailure, type HttpRequest } from '../ports.ts';

/** A TCP server that keeps what it was sent and answers with raw bytes. */
class RawServer {
  readonly received: string[] = [];
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(onData: (socket: Socket, connection: number, requestsOnIt: number) => void) {
    let connections = 0;
    this.#server = createServer((socket) => {
      connections += 1;
      const connection = connections;
      let requests = 0;
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        requests += 1;
        this.received.push(data.toString('latin1'));
        onData(socket, connection, requests);
      });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }
}

const servers: RawServer[] = [];
let http: ReturnType<typeof createHttpClient>;

beforeEach(() => {
  http = createHttpClient();
});

afterEach(async () => {
  await http.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(...args: ConstructorParameters<typeof RawServer>): Promise<{ server: RawServer; url: string }> {
  const server = new RawServer(...args);
  servers.push(server);
  return { server, url: await server.start() };
}

function post(url: string, overrides: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'POST', url, body: '{"a":1}', timeoutMs: 20_000, maxResponseBytes: 10_000, ...overrides };
}

async function failureOf(exchange: Promise<unknown>): Promise<HttpFailure> {
  const error: unknown = await exchange.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}

/** undici takes a connection back into its pool a few turns of the event loop after the body's end. */
async function connectionIsPooled(server: RawServer, request: () => Promise<unknown>): Promise<void> {
  await vi.waitFor(async () => {
    const before = server.sockets.size;
    await request();
    expect(server.sockets.size).toBe(before);
  });
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('status, headers and body arrive; repeated headers are joined', async () => {
  const { server, url } = await serve((socket) =>
    socket.write('HTTP/1.1 418 No\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc'),
  );
  const response = await http.request(post(`${url}/path?q=1`, { headers: { 'x-sent': 'yes' } }));
  expect(response.status).toBe(418);
  expect(response.headers['x-a']).toBe('1, 2');
  expect(Buffer.from(response.body).toString()).toBe('abc');
  expect(server.received.join('')).toMatch(/^POST \/path\?q=1 HTTP\/1\.1\r\n[^]*x-sent: yes\r\n[^]*\r\n\r\n\{"a":1\}$/);
});

test('a redirect is an answer like any other and is not followed', async () => {
  const { server, url } = await serve((socket) =>
    socket.write('HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n'),
  );
  expect((await http.request(post(url))).status).toBe(307);
  expect(server.received).toHaveLength(1);
});

test('a 503 with Retry-After is an answer like any other and is not repeated', async () => {
  const { server, url } = await serve((socket) =>
    socket.write('HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n'),
  );
  expect((await http.request(post(url))).status).toBe(503);
  expect(server.received).toHaveLength(1);
});

test('a refused connection was certainly not sent', async () => {
  const { server, url } = await serve(() => undefined);
  await server.stop();
  expect(await failureOf(http.request(post(url)))).toMatchObject({ kind: 'not_sent' });
  expect((await failureOf(http.request(post(url)))).message).toContain('ECONNREFUSED');
});

test('a name that does not resolve and a malformed URL were certainly not sent', async () => {
  expect(await failureOf(http.request(post('http://no-such-host.invalid/')))).toMatchObject({ kind: 'not_sent' });
  expect(await failureOf(http.request(post('not a url')))).toMatchObject({ kind: 'not_sent' });
  expect(await failureOf(http.request(post('ftp://127.0.0.1/')))).toMatchObject({ kind: 'not_sent' });
});

test('a failed TLS handshake was certainly not sent', async () => {
  const { url } = await serve((socket) => socket.write('this is not TLS\r\n\r\n'));
  const failure = await failureOf(http.request(post(url.replace('http:', 'https:'))));
  expect(failure).toMatchObject({ kind: 'not_sent' });
});

test('a peer that never finishes its TLS handshake was certainly not sent anything when the time is up', async () => {
  const { server, url } = await serve(() => undefined);
  const failure = await failureOf(http.request(post(url.replace('http:', 'https:'), { timeoutMs: 300 })));
  expect(failure).toMatchObject({ kind: 'not_sent' });
  expect(server.received.join('')).not.toContain('POST');
});

test('a silent peer may have been reached: the time limit is for the whole exchange', async () => {
  const { server, url } = await serve(() => undefined);
  expect(await failureOf(http.request(post(url, { timeoutMs: 300 })))).toMatchObject({ kind: 'no_answer' });
  expect(server.received).toHaveLength(1);
});

test('a body that drips for ever ends with the time limit, however alive it is', async () => {
  const drips: NodeJS.Timeout[] = [];
  const { url } = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n');
    drips.push(setInterval(() => socket.write('x'), 10));
  });
  expect(await failureOf(http.request(post(url, { timeoutMs: 300 })))).toMatchObject({ kind: 'no_answer' });
  for (const drip of drips) clearInterval(drip);
});

test('a connection reset before the answer may have been reached, and is not sent twice', async () => {
  const { server, url } = await serve((socket) => socket.resetAndDestroy());
  expect(await failureOf(http.request(post(url)))).toMatchObject({ kind: 'no_answer' });
  expect(server.received).toHaveLength(1);
});

test('a body cut off by a reset, or shorter than announced, is no answer', async () => {
  const reset = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":0', () => socket.resetAndDestroy());
  });
  const short = await serve((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":0'));
  const chunked = await serve((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"code":0\r\n'),
  );
  for (const { url } of [reset, short, chunked]) {
    expect(await failureOf(http.request(post(url)))).toMatchObject({ kind: 'no_answer' });
  }
});

test('an answer that is not HTTP is no answer', async () => {
  const { url } = await serve((socket) => socket.end('\x00\x01garbage\r\n\r\n'));
  expect(await failureOf(http.request(post(url)))).toMatchObject({ kind: 'no_answer' });
});

test.each(['POST', 'GET'] as const)(
  'a pooled connection that died while a %s was written to it may have been reached, and it is not sent twice',
  async (method) => {
    const { server, url } = await serve((socket, _connection, requestsOnIt) => {
      if (requestsOnIt === 1) socket.write(OK);
      else socket.resetAndDestroy();
    });
    const request: HttpRequest = { method, url, timeoutMs: 20_000, maxResponseBytes: 10 };
    let sent = 0;
    // Answered on every new connection, so the first failure is a reused one's.
    const failure = await failureOf(
      (async () => {
        for (; sent < 100;) {
          sent += 1;
          await http.request(request);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })(),
    );
    expect(failure).toMatchObject({ kind: 'no_answer' });
    expect(server.received).toHaveLength(sent);
  },
);

test('a pooled connection that the peer closed while idle is not used again', async () => {
  const { server, url } = await serve((socket) => socket.write(OK));
  await http.request(post(url));
  const [first] = server.sockets;
  first?.destroy();
  await once(first!, 'close');
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    expect((await http.request(post(url))).status).toBe(200);
  }
});

test('one connection carries one request at a time', async () => {
  const { server, url } = await serve(() => undefined);
  const requests = [http.request(post(url)), http.request(post(url)), http.request(post(url))];
  const settled = Promise.allSettled(requests);
  await vi.waitFor(() => {
    expect(server.received).toHaveLength(3);
  });
  expect(server.sockets.size).toBe(3);
  for (const socket of server.sockets) socket.write(OK);
  await settled;
});

test('an endless body stops at the limit', async () => {
  const { server, url } = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    const more = (): void => {
      if (!socket.destroyed) socket.write(`400\r\n${'x'.repeat(1024)}\r\n`, () => setImmediate(more));
    };
    more();
  });
  expect(await failureOf(http.request(post(url)))).toMatchObject({ kind: 'too_large' });
  await vi.waitFor(() => {
    for (const socket of server.sockets) expect(socket.destroyed).toBe(true);
  });
});

test('a body announced as too large is not waited for; one of exactly the limit is read', async () => {
  const promise = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'));
  expect(await failureOf(http.request(post(promise.url, { maxResponseBytes: 9 })))).toMatchObject({
    kind: 'too_large',
  });
  const { url } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789'));
  expect((await http.request(post(url, { maxResponseBytes: 10 }))).body).toHaveLength(10);
});

test('a caller who aborts gets an aborted failure, before, while and after the request is sent', async () => {
  const { server, url } = await serve(() => undefined);
  expect(await failureOf(http.request(post(url, { signal: AbortSignal.abort() })))).toMatchObject({ kind: 'aborted' });
  expect(server.received).toHaveLength(0);
  const controller = new AbortController();
  const exchange = failureOf(http.request(post(url, { signal: controller.signal })));
  await vi.waitFor(() => {
    expect(server.received).toHaveLength(1);
  });
  controller.abort();
  expect(await exchange).toMatchObject({ kind: 'aborted' });
});

test('a failure names the origin only: paths and queries hold secrets', async () => {
  const { server, url } = await serve(() => undefined);
  await server.stop();
  const failure = await failureOf(http.request(post(`${url}/hook/s3cret?token=s3cret`)));
  expect(failure.message).not.toContain('s3cret');
});

test('closing ends what is under way as no answer and refuses what comes later as not sent', async () => {
  const { server, url } = await serve(() => undefined);
  const exchange = failureOf(http.request(post(url)));
  await vi.waitFor(() => {
    expect(server.received).toHaveLength(1);
  });
  await http.close();
  expect(await exchange).toMatchObject({ kind: 'no_answer' });
  expect(await failureOf(http.request(post(url)))).toMatchObject({ kind: 'not_sent' });
});

/** What undici might do, and a real server cannot make it do: hand a request to a socket late, or once more. */
async function dispatchedBy(script: (handler: Dispatcher.DispatchHandler) => void): Promise<HttpFailure> {
  const dispatch = vi.spyOn(Agent.prototype, 'dispatch').mockImplementation((_options, handler) => {
    script(handler);
    return true;
  });
  try {
    return await failureOf(http.request(post('http://127.0.0.1:9/', { timeoutMs: 20 })));
  } finally {
    dispatch.mockRestore();
  }
}

class SocketController implements Dispatcher.DispatchController {
  aborted = false;
  readonly paused = false;
  reason: Error | null = null;

  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
  }
  pause(): void {
    throw new Error('nothing is read here');
  }
  resume(): void {
    throw new Error('nothing is read here');
  }
}

test('a request given up while it waited for a connection is not sent when the connection comes', async () => {
  const handlers: Dispatcher.DispatchHandler[] = [];
  const failure = await dispatchedBy((handler) => void handlers.push(handler));
  expect(failure).toMatchObject({ kind: 'not_sent' });
  const controller = new SocketController();
  handlers[0]!.onRequestStart!(controller, null);
  expect(controller.aborted).toBe(true);
});

test('a request that would be sent a second time is stopped', async () => {
  const [first, second] = [new SocketController(), new SocketController()];
  const failure = await dispatchedBy((handler) => {
    handler.onRequestStart!(first, null);
    handler.onRequestStart!(second, null);
    expect(second.aborted).toBe(true);
  });
  expect(failure).toMatchObject({ kind: 'no_answer' });
});

const GET: Omit<HttpRequest, 'url'> = { method: 'GET', timeoutMs: 20_000, maxResponseBytes: 50_000_000 };

test('a stream delivers the body and hands the connection back', async () => {
  const { server, url } = await serve((socket) => socket.write(OK));
  await connectionIsPooled(server, async () => {
    const { status, body } = await http.stream({ ...GET, url });
    expect(status).toBe(200);
    expect(await text(body)).toBe('ok');
  });
});

test('a slow reader holds the sender back instead of filling the memory', async () => {
  const total = 30_000_000;
  let sent = 0;
  const { url } = await serve((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    const more = (): void => {
      while (sent < total) {
        const chunk = Buffer.alloc(Math.min(100_000, total - sent));
        sent += chunk.length;
        if (!socket.write(chunk)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
  });
  const { body } = await http.stream({ ...GET, url });
  let before = -1;
  await vi.waitFor(
    () => {
      const stalled = sent === before;
      before = sent;
      expect(stalled).toBe(true);
    },
    { interval: 200 },
  );
  expect(sent).toBeLessThan(total);
  let received = 0;
  for await (const chunk of body) received += (chunk as Buffer).length;
  expect(received).toBe(total);
});

test('a stream fails with an HttpFailure on reset, on size and on time', async () => {
  const reset = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart', () => socket.resetAndDestroy());
  });
  const silent = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'));
  const large = await serve((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n${'x'.repeat(100)}\r\n`),
  );
  const outcomes = [
    { request: { ...GET, url: reset.url }, kind: 'no_answer' },
    { request: { ...GET, url: silent.url, timeoutMs: 300 }, kind: 'no_answer' },
    { request: { ...GET, url: large.url, maxResponseBytes: 50 }, kind: 'too_large' },
  ];
  for (const { request, kind } of outcomes) {
    expect(await failureOf(http.stream(request).then(({ body }) => text(body)))).toMatchObject({ kind });
  }
});

test('a stream that fails before anybody reads it is no uncaught error', async () => {
  const { url } = await serve((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart', () => socket.resetAndDestroy());
  });
  const { body } = await http.stream({ ...GET, url });
  await vi.waitFor(() => {
    expect(body.destroyed).toBe(true);
  });
  expect(await failureOf(text(body))).toMatchObject({ kind: 'no_answer' });
});

test('a destroyed stream gives its connection up', async () => {
  const { server, url } = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'));
  const { body } = await http.stream({ ...GET, url });
  body.destroy();
  await vi.waitFor(() => {
    for (const socket of server.sockets) expect(socket.destroyed).toBe(true);
  });
});

test('interim answers are passed over', async () => {
  const { url } = await serve((socket) =>
    socket.write(`HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}`),
  );
  const { status, body } = await http.request(post(url));
  expect([status, Buffer.from(body).toString()]).toEqual([200, 'ok']);
});
