import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
beforeAll(async () => {
  server = await startTestHttpServer();
});
afterAll(() => server.close());

describe('401', () => {
  it('a request without a key is refused and told how to send one', async () => {
    const answer = await server.client.get('/v1/models');
    expect(answer.status).toBe(401);
    expect(answer.body.code).toBe('unauthorized');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(answer.body.detail).toContain('Authorization: Bearer rk_');
  });

  it('a key with a wrong checksum is refused before the database is asked', async () => {
    const { key } = await server.account();
    const typo = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');
    const answer = await server.client.get('/v1/models', { key: typo });
    expect(answer.status).toBe(401);
    expect(answer.body.detail).toContain('checksum');
  });

  it('an unknown path under /v1 is not told to whoever has no key', async () => {
    expect((await server.client.get('/v1/nothing')).status).toBe(401);
  });
});

describe('404 and 405', () => {
  it('an unknown path is not found', async () => {
    const { key } = await server.account();
    expect((await server.client.get('/v1/nothing', { key })).status).toBe(404);
    expect((await server.client.get('/nothing')).status).toBe(404);
    expect((await server.client.get('/v1/models/', { key })).status).toBe(404);
    expect((await server.client.get('/%ff%00')).status).toBe(404);
    expect((await server.client.get('/v/%ff%zz')).status).toBe(404);
  });

  it('another method than those of a path is answered with Allow', async () => {
    const { key } = await server.account();
    const answer = await server.client.post('/v1/models', { key, json: {} });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('HEAD, GET, OPTIONS');
  });

  it('OPTIONS names the methods of a path', async () => {
    const answer = await server.client.send('OPTIONS', '/v1/models');
    expect(answer.status).toBe(204);
    expect(answer.headers.get('allow')).toBe('HEAD, GET, OPTIONS');
  });
});

describe('200', () => {
  it('lists models, with what is left of the rate limit', async () => {
    const { key } = await server.account();
    const answer = await server.client.get('/v1/models', { key });
    expect(answer.status).toBe(200);
    expect(answer.body.data.map((model) => model.id)).toContain('sora-2');
    expect(answer.headers.get('ratelimit')).toMatch(/^"per-key";r=2999;t=60$/);
  });
  it('is alive and ready', async () => {
    expect((await server.client.get('/healthz')).body).toEqual({ status: 'ok' });
    expect((await server.client.get('/readyz')).body).toEqual({ status: 'ok' });
  });
});
