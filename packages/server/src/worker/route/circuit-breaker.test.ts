import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

function setUp(): { clock: ManualClock; breaker: CircuitBreaker } {
  const clock = new ManualClock();
  const random = { bytes: () => new Uint8Array(), uuid: () => '', fraction: () => 0 };
  return { clock, breaker: new CircuitBreaker(clock, random) };
}

describe('a circuit breaker', () => {
  it('lets everything through while the upstream answers', () => {
    const { breaker } = setUp();
    breaker.succeeded();
    expect(breaker.capacity(100)).toBe(100);
    expect(breaker.admit()).toEqual({ admitted: true, isProbe: false });
  });

  it('takes no new work for as long as the upstream asked', async () => {
    const { clock, breaker } = setUp();
    breaker.failed(5_000);
    expect(breaker.capacity(100)).toBe(0);
    await clock.advance(5_000);
    expect(breaker.capacity(100)).toBe(1);
  });

  it('counts failures of submissions that were in the air together once', async () => {
    const { clock, breaker } = setUp();
    for (let at = 0; at < 50; at += 1) breaker.failed(undefined);
    await clock.advance(1_000);
    expect(breaker.capacity(100)).toBe(1);
  });

  it('doubles the pause up to 15 s', async () => {
    const { clock, breaker } = setUp();
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
      breaker.failed(undefined);
      await clock.advance(pauseMs - 1);
      expect(breaker.capacity(1)).toBe(0);
      await clock.advance(1);
      expect(breaker.capacity(1)).toBe(1);
    }
  });

  it('says how long a submission has to wait instead of holding it', async () => {
    const { clock, breaker } = setUp();
    breaker.failed(5_000);
    await clock.advance(2_000);
    expect(breaker.admit()).toEqual({ admitted: false, retryInMs: 3_000 });
  });

  it('lets one submission try the upstream out and the others follow when it succeeds', async () => {
    const { clock, breaker } = setUp();
    breaker.failed(undefined);
    await clock.advance(1_000);
    expect(breaker.admit()).toEqual({ admitted: true, isProbe: true });
    await clock.advance(10_000);
    expect(breaker.admit().admitted).toBe(false);
    expect(breaker.capacity(100)).toBe(0);
    breaker.succeeded();
    expect(breaker.admit()).toEqual({ admitted: true, isProbe: false });
  });

  it('lets the next submission try when the first never reached the upstream', async () => {
    const { clock, breaker } = setUp();
    breaker.failed(undefined);
    await clock.advance(1_000);
    breaker.forget(breaker.admit());
    expect(breaker.admit()).toEqual({ admitted: true, isProbe: true });
  });

  it('keeps its probe when a submission that was admitted before is forgotten', async () => {
    const { clock, breaker } = setUp();
    const earlier = breaker.admit();
    breaker.failed(undefined);
    await clock.advance(1_000);
    breaker.admit();
    breaker.forget(earlier);
    expect(breaker.admit().admitted).toBe(false);
  });
});
