import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../system/index.ts';
import { createEgressGuard, type EgressGuard } from '../outbound/index.ts';
import { createGuardedConnector } from '../outbound/guarded-connector.ts';
import type { NameResolver } from '../outbound/name-resolver.ts';
import { startReceiver, type Answer, type Receiver } from '../../testing/webhooks/receiver.ts';
import { createWebhookSender, type WebhookAnswer, type WebhookSender } from './webhook-sender.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const noResolver: NameResolver = () => Promise.reject(new Error('not asked'));

function loopbackGuard(resolver: NameResolver = noResolver, allowCidrs = ['127.0.0.0/8']): EgressGuard {
  return createEgressGuard({ allowCidrs, development: true, resolver });
}

function senderWith(guard: EgressGuard, timeoutMs = 5_000): WebhookSender {
  const sender = createWebhookSender({ guard, clock: systemClock, timeoutMs });
  cleanUps.push(() => sender.close());
  return sender;
}

async function receiverWith(answer: Answer): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  cleanUps.push(() => receiver.close());
  return receiver;
}

/** A receiver that speaks whatever `talk` writes to the bare socket. */
async function rawReceiver(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanUps.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function post(sender: WebhookSender, url: string): Promise<WebhookAnswer> {
  return sender.send({ url, headers: { 'webhook-id': 'evt_1' }, body: '{}' });
}

describe('an answer', () => {
  it('of any 2xx is accepted; the request is a JSON POST', async () => {
    const receiver = await receiverWith((response) => response.writeHead(204).end());
    const answer = await post(senderWith(loopbackGuard()), receiver.url);
    expect(answer).toMatchObject({ accepted: true, statusCode: 204, error: null, responseExcerpt: null });
    expect(receiver.received[0]).toMatchObject({
      body: '{}',
      headers: { 'content-type': 'application/json', 'content-length': '2', 'webhook-id': 'evt_1' },
    });
  });

  it.each([400, 410, 429, 500, 503])('of HTTP %i is a failure, with its words kept', async (status) => {
    const receiver = await receiverWith((response) =>
      response.writeHead(status, { 'retry-after': '7' }).end('no such thing'),
    );
    expect(await post(senderWith(loopbackGuard()), receiver.url)).toMatchObject({
      accepted: false,
      statusCode: status,
      error: `HTTP ${status}`,
      responseExcerpt: 'no such thing',
      retryAfter: '7',
    });
  });

  it.each([301, 302, 303, 307, 308])('of HTTP %i is a failure, and the redirect is not followed', async (status) => {
    const target = await receiverWith((response) => response.end());
    const receiver = await receiverWith((response) => response.writeHead(status, { location: target.url }).end());
    const answer = await post(senderWith(loopbackGuard()), receiver.url);
    expect(answer).toMatchObject({ accepted: false, statusCode: status });
    expect(answer.error).toContain('redirects are not followed');
    expect(target.received).toEqual([]);
  });

  it('is kept as text that any column and terminal can take, one kilobyte of it', async () => {
    const receiver = await receiverWith((response) =>
      response
        .writeHead(500)
        .end(Buffer.concat([Buffer.from('a\0\x1b[31m\tb\xff', 'latin1'), Buffer.from('é'.repeat(2_000))])),
    );
    const { responseExcerpt } = await post(senderWith(loopbackGuard()), receiver.url);
    expect(responseExcerpt?.startsWith('a\uFFFD\uFFFD[31m\tb\uFFFDé')).toBe(true);
    expect(responseExcerpt?.endsWith('é')).toBe(true);
    expect(Buffer.byteLength(responseExcerpt ?? '')).toBeLessThan(1_100);
  });

  it('that is unpacked a thousand times its size stays packed', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const receiver = await receiverWith((response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    );
    const answer = await post(senderWith(loopbackGuard()), receiver.url);
    expect(answer).toMatchObject({ accepted: true, statusCode: 200 });
    expect(receiver.received[0]?.headers['accept-encoding']).toBe('identity');
  });
});

describe('an exchange is bounded', () => {
  const talk = {
    'that never answers': () => undefined,
    'that sends a header now and then': (socket: Socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('x: y\r\n'), 20);
      socket.on('close', () => {
        clearInterval(timer);
      });
    },
    'that sends a byte of the body now and then': (socket: Socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => {
        clearInterval(timer);
      });
    },
  };
  it.each(Object.entries(talk))('by time as a whole with a receiver %s', async (_name, behave) => {
    const url = await rawReceiver(behave);
    const answer = await post(senderWith(loopbackGuard(), 300), url);
    expect(answer).toMatchObject({ accepted: false, error: 'timeout: no complete answer within 300 ms' });
    expect(answer.durationMs).toBeGreaterThanOrEqual(299);
  });

  it('by time with a name server that never answers', async () => {
    const guard = loopbackGuard(() => new Promise(() => undefined));
    const answer = await post(senderWith(guard, 300), 'http://example.com/');
    expect(answer).toMatchObject({
      accepted: false,
      statusCode: null,
      error: 'timeout: no complete answer within 300 ms',
    });
  });

  it('by size with a body that never ends: the status counts, and the log says so', async () => {
    const url = await rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const fill = (): void => {
        while (!socket.destroyed && socket.write('x'.repeat(4_096)));
      };
      socket.on('drain', fill);
      fill();
    });
    const answer = await post(senderWith(loopbackGuard()), url);
    expect(answer).toMatchObject({
      accepted: true,
      statusCode: 200,
      error: 'only the first 65536 bytes of the answer were read',
    });
    expect(answer.responseExcerpt).toBe('x'.repeat(1_024));
  });

  it('by size with headers that never end', async () => {
    const url = await rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const fill = (): void => {
        while (!socket.destroyed && socket.write(`x: ${'y'.repeat(1_024)}\r\n`));
      };
      socket.on('drain', fill);
      fill();
    });
    expect(await post(senderWith(loopbackGuard()), url)).toMatchObject({
      accepted: false,
      error: "the answer's headers are too large",
    });
  });
});

describe('what goes wrong is told in our words', () => {
  it('connection refused', async () => {
    const receiver = await startReceiver();
    await receiver.close();
    expect(await post(senderWith(loopbackGuard()), receiver.url)).toMatchObject({
      accepted: false,
      statusCode: null,
      error: 'connection refused (ECONNREFUSED)',
    });
  });

  it('a receiver that hangs up, before the answer or inside it', async () => {
    const early = await rawReceiver((socket) => socket.once('data', () => socket.destroy()));
    const late = await rawReceiver((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
      socket.once('data', () => socket.end());
    });
    const sender = senderWith(loopbackGuard());
    const error = 'the connection was closed before the answer was complete';
    expect(await post(sender, early)).toMatchObject({ accepted: false, statusCode: null, error });
    expect(await post(sender, late)).toMatchObject({ accepted: false, statusCode: 200, error });
  });

  it('something that is not HTTP', async () => {
    const url = await rawReceiver((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'));
    const answer = await post(senderWith(loopbackGuard()), url);
    expect(answer).toMatchObject({ accepted: false, statusCode: null });
    expect(answer.error).toContain('the answer is not valid HTTP');
  });

  it('https spoken to a receiver without TLS', async () => {
    const receiver = await receiverWith((response) => response.end());
    const answer = await post(senderWith(loopbackGuard()), receiver.url.replace('http:', 'https:'));
    expect(answer).toMatchObject({ accepted: false, statusCode: null });
    expect(answer.error).toContain('TLS failed');
    expect(receiver.received).toEqual([]);
  });
});

describe('nothing reaches a private address', () => {
  it('written into the URL', async () => {
    const receiver = await receiverWith((response) => response.end());
    const answer = await post(senderWith(loopbackGuard(noResolver, [])), receiver.url);
    expect(answer.error).toContain('(rule: loopback)');
    expect(receiver.received).toEqual([]);
  });

  it('behind a name, whatever public addresses stand beside it', async () => {
    const receiver = await receiverWith((response) => response.end());
    const guard = loopbackGuard(() => Promise.resolve(['93.184.215.14', '127.0.0.1']), []);
    const answer = await post(senderWith(guard), `http://example.com:${receiver.port}/`);
    expect(answer.error).toContain('(rule: loopback)');
    expect(receiver.received).toEqual([]);
  });

  it('by rebinding: the addresses that were checked are the ones connected to, and the name is asked once', async () => {
    const receiver = await receiverWith((response) => response.end());
    let asked = 0;
    const rebinding: NameResolver = () => {
      asked += 1;
      return Promise.resolve(asked === 1 ? ['127.0.0.1'] : ['127.0.0.2']);
    };
    // .1 is allowed and .2 is not: were the name asked again for the connection, it would be refused or go astray.
    const sender = senderWith(loopbackGuard(rebinding, ['127.0.0.1/32']));
    expect(await post(sender, `http://example.com:${receiver.port}/`)).toMatchObject({ accepted: true });
    expect(asked).toBe(1);
  });

  it('by a socket that is connected elsewhere than it was told', async () => {
    const receiver = await receiverWith((response) => response.end());
    const astray = buildConnector({
      lookup: (_hostname, _options, callback) => {
        callback(null, [{ address: '127.0.0.1', family: 4 }]);
      },
    });
    const guard = loopbackGuard(() => Promise.resolve(['93.184.215.14']), []);
    const connect = createGuardedConnector(guard, astray);
    const result = await new Promise<Error | null>((resolve) => {
      connect({ hostname: 'example.com', protocol: 'http:', port: String(receiver.port) }, (...[error]) => {
        resolve(error);
      });
    });
    expect(result?.message).toContain('(rule: loopback)');
    expect(receiver.received).toEqual([]);
  });

  it('by an address that Node would connect to without any look-up', async () => {
    const asked: string[] = [];
    const connect = createGuardedConnector(loopbackGuard(noResolver, []), ({ hostname }) => {
      asked.push(hostname);
    });
    const refusals: unknown[] = [];
    for (const hostname of ['127.0.0.1', '::1', '8.8.8.8']) {
      await new Promise<void>((resolve) => {
        connect({ hostname, protocol: 'http:', port: '80' }, (...[error]) => {
          refusals.push(error);
          resolve();
        });
      });
    }
    expect(refusals).toMatchObject([{ rule: 'loopback' }, { rule: 'loopback' }, { rule: 'ip_literal' }]);
    expect(asked).toEqual([]);
  });

  it('by a redirect', async () => {
    const inside = await receiverWith((response) => response.end());
    const outside = await receiverWith((response) => response.writeHead(302, { location: inside.url }).end());
    expect(await post(senderWith(loopbackGuard()), outside.url)).toMatchObject({ accepted: false, statusCode: 302 });
    expect(inside.received).toEqual([]);
  });
});
