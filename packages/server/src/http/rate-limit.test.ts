import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';
import type { Clock } from '../ports.ts';
import { RateLimiter, rateLimitHeaders } from './rate-limit.ts';

describe('RateLimiter', () => {
  it('lets no more than the limit through in any 60 seconds', () => {
    const limiter = new RateLimiter();
    const allowedAt: number[] = [];
    for (let now = 0; now < 300_000; now += 700) {
      if (limiter.take('key', 60, now).allowed) allowedAt.push(now);
    }
    for (const start of allowedAt) {
      expect(allowedAt.filter((time) => time >= start && time < start + 60_000).length).toBeLessThanOrEqual(60);
    }
    expect(allowedAt.length).toBeGreaterThanOrEqual(300);
  });

  it('says when the next request will pass, and it does', () => {
    const limiter = new RateLimiter();
    for (const now of [0, 10_000]) limiter.take('key', 2, now);
    const refused = limiter.take('key', 2, 20_000);
    expect(refused).toEqual({ allowed: false, limit: 2, remaining: 0, retryAfterSeconds: 40, resetSeconds: 40 });
    expect(limiter.take('key', 2, 59_999).allowed).toBe(false);
    expect(limiter.take('key', 2, 20_000 + refused.retryAfterSeconds * 1_000).allowed).toBe(true);
  });

  it('never names a longer wait than the window, whatever the fractions of the clock', () => {
    for (let at = 0; at < 2_000; at += 1) {
      expect(new RateLimiter().take('key', 5, at * 1_234.567_89).resetSeconds).toBe(60);
    }
  });

  it('keys do not share a window, and a changed limit counts at once', () => {
    const limiter = new RateLimiter();
    expect(limiter.take('a', 1, 0).allowed).toBe(true);
    expect(limiter.take('a', 1, 1).allowed).toBe(false);
    expect(limiter.take('b', 1, 1).allowed).toBe(true);
    expect(limiter.take('a', 2, 2).allowed).toBe(true);
  });

  it('writes the header fields', () => {
    const limiter = new RateLimiter();
    limiter.take('key', 60, 0);
    expect(rateLimitHeaders(limiter.take('key', 60, 30_500))).toEqual({
      RateLimit: '"per-key";r=58;t=30',
      'RateLimit-Policy': '"per-key";q=60;w=60',
    });
  });
});

describe('429', () => {
  let server: TestHttpServer;
  let nowMs = 0;
  beforeAll(async () => {
    server = await startTestHttpServer((deps) => {
      const clock: Clock = {
        now: () => deps.clock.now(),
        sleep: (ms, signal) => deps.clock.sleep(ms, signal),
        monotonicMs: () => nowMs,
      };
      return { ...deps, clock };
    });
  });
  afterAll(() => server.close());

  it('comes after the plan’s requests per minute, before anything but 401, with when to come back', async () => {
    const { key } = await server.account({ plan: 'pilot' });
    for (let at = 0; at < 60; at += 1) await server.client.get('/v1/models', { key });
    const refused = await server.client.get('/v1/nothing', { key });
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'rate_limited',
      '60',
    ]);
    expect(refused.headers.get('ratelimit')).toBe('"per-key";r=0;t=60');
    expect(refused.headers.get('ratelimit-policy')).toBe('"per-key";q=60;w=60');
    expect((await server.client.get('/v1/models', { key: `${key}x` })).status).toBe(401);
    expect((await server.client.get('/healthz')).status).toBe(200);
    nowMs += 60_000;
    expect((await server.client.get('/v1/models', { key })).status).toBe(200);
  });
});
