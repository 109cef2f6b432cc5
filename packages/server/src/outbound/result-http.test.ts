import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { PaceCheck } from './pace-check.ts';
import { HttpFailure, type HttpClient } from '../ports.ts';
import { createResultHttp } from './result-http.ts';

const clip = readFileSync(new URL('../../assets/simulator-videos/landscape-0.mp4', import.meta.url));
/** Set aside for documentation, so it is nobody's own network (RFC 5737). */
const PUBLIC = 'https://203.0.113.5';

let server: Server;
let port = 0;
let base = '';
const asked: string[] = [];
const pages = new Map<string, (response: ServerResponse) => void>();
const page = (path: string, answer: (response: ServerResponse) => void): string => {
  pages.set(path, answer);
  return base + path;
};
const clients: { close(): Promise<void> }[] = [];
const clientOf = (upstreams: string | readonly string[] | null, trusted: string | null = null): HttpClient => {
  const upstreamUrls = upstreams === null ? [] : [upstreams].flat();
  const client = createResultHttp({ upstreamUrls, isTrustedOrigin: (origin) => origin === trusted });
  clients.push(client);
  return client;
};
const fetched = async (client: HttpClient, url: string, signal?: AbortSignal): Promise<Buffer | number> => {
  const response = await client.stream({
    method: 'GET',
    url,
    timeoutMs: 20_000,
    maxResponseBytes: 10_000_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const body = await buffer(response.body);
  return response.status === 200 ? body : response.status;
};

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    pages.get(request.url ?? '')?.(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  base = `http://127.0.0.1:${port}`;
  page('/clip', (response) => response.end(clip));
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('where a result may be', () => {
  test('an upstream in our own network may name a place in it, by address or by name', async () => {
    const client = clientOf(base);
    expect(await fetched(client, `${base}/clip`)).toEqual(clip);
    expect(await fetched(client, `http://localhost:${port}/clip`)).toEqual(clip);
    expect(await fetched(client, `http://someone:secret@127.0.0.1:${port}/clip`)).toEqual(clip);
  });

  test.each(['127.0.0.1', 'localhost', '127.1', '0x7f000001', '[::ffff:127.0.0.1]'])(
    'one on the internet may not: nobody is asked at %s',
    async (host) => {
      asked.length = 0;
      expect(await fetched(clientOf(PUBLIC), `http://${host}:${port}/clip`)).toBe(410);
      expect(await fetched(clientOf(null), `http://${host}:${port}/clip`)).toBe(410);
      expect(await fetched(clientOf([base, PUBLIC]), `http://${host}:${port}/clip`)).toBe(410);
      expect(asked).toEqual([]);
    },
  );

  test.each(['169.254.169.254', '[fd00:ec2::254]', '[fe80::1]', '0.0.0.0', '224.0.0.1'])(
    'nobody may name %s',
    async (host) => {
      expect(await fetched(clientOf(base), `http://${host}:${port}/clip`)).toBe(410);
    },
  );

  test('an origin that is trusted may be anywhere, and its neighbours may not', async () => {
    expect(await fetched(clientOf(PUBLIC, base), `${base}/clip`)).toEqual(clip);
    expect(await fetched(clientOf(PUBLIC, 'http://127.0.0.1:1'), `${base}/clip`)).toBe(410);
  });
});

describe('redirects', () => {
  test.each([301, 302, 303, 307, 308])('HTTP %i leads on, also by a path', async (status) => {
    const url = page(`/to-${status}`, (response) => response.writeHead(status, { location: '/clip' }).end('moved'));
    expect(await fetched(clientOf(base), url)).toEqual(clip);
  });

  test.each(['http://169.254.169.254/latest/meta-data', 'file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://[', ''])(
    'to %j lead nowhere',
    async (location) => {
      const url = page('/away', (response) => response.writeHead(302, { location }).end());
      expect(await fetched(clientOf(base), url)).toBe(410);
    },
  );

  test('in a circle end', async () => {
    asked.length = 0;
    const url = page('/circle', (response) => response.writeHead(302, { location: '/circle' }).end());
    expect(await fetched(clientOf(base), url)).toBe(410);
    expect(asked).toHaveLength(6);
  });
});

describe('a file', () => {
  test('that comes packed is stored unpacked', async () => {
    const url = page('/packed', (response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(clip)),
    );
    expect(await fetched(clientOf(base), url)).toEqual(clip);
  });

  test('that is cut off where its connection ends is no file', async () => {
    const url = page('/half', (response) => {
      response.writeHead(200, { connection: 'close' });
      response.socket?.end(`HTTP/1.0 200 OK\r\n\r\n${clip.subarray(0, clip.length / 2).toString('latin1')}`, 'latin1');
    });
    await expect(fetched(clientOf(base), url)).rejects.toThrow();
  });

  test('that comes as a part is taken when the part is all of it', async () => {
    const part = (path: string, range: string): string =>
      page(path, (response) => response.writeHead(206, { 'content-range': range }).end(clip));
    const client = clientOf(base);
    expect(await fetched(client, part('/all', `bytes 0-${clip.length - 1}/${clip.length}`))).toEqual(clip);
    expect(await fetched(client, part('/some', `bytes 0-${clip.length - 1}/${clip.length + 1}`))).toBe(206);
  });

  test('of which nothing comes is given up long before its time limit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const wanted = new Promise<void>((resolve) => {
        page('/nothing', () => {
          resolve();
        });
      });
      const failing = expect(fetched(clientOf(base), `${base}/nothing`)).rejects.toMatchObject({ kind: 'no_answer' });
      await wanted;
      await vi.advanceTimersByTimeAsync(15_000);
      await failing;
    } finally {
      vi.useRealTimers();
    }
  });

  test('that nobody wants any more is given up at once', async () => {
    const closed = new Promise<void>((resolve) => {
      page('/silence', (response) => response.on('close', resolve));
    });
    const controller = new AbortController();
    const fetching = fetched(clientOf(base), `${base}/silence`, controller.signal);
    await vi.waitFor(() => {
      expect(asked).toContain('/silence');
    });
    controller.abort();
    await expect(fetching).rejects.toMatchObject({ kind: 'aborted' });
    await closed;
  });
});

describe('the pace of a file', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('that only drips is too slow', async () => {
    const pace = new PaceCheck(1_000);
    const failing = expect(buffer(pace)).rejects.toBeInstanceOf(HttpFailure);
    pace.write('x');
    await vi.advanceTimersByTimeAsync(1_000);
    await failing;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not that of its reader', async () => {
    const pace = new PaceCheck(1_000);
    pace.write('x');
    await vi.advanceTimersByTimeAsync(5_000);
    const read = buffer(pace);
    // In the window in which its reader came back the sender had no chance.
    await vi.advanceTimersByTimeAsync(1_000);
    pace.end('y');
    expect((await read).toString()).toBe('xy');
    expect(vi.getTimerCount()).toBe(0);
  });
});
