import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../testing/manual-clock.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

function setUp(): { clock: ManualClock; breaker: CircuitBreaker } {
  const clock = new ManualClock();
  const random = { bytes: () => new Uint8Array(), uuid: () => '', fraction: () => 0 };
  return { clock, breaker: new CircuitBreaker(clock, random) };
}

describe('a circuit breaker', () => {
  it('lets everything through while the upstream answers', async () => {
    const { breaker } = setUp();
    breaker.succeeded();
    expect(breaker.capacity(100)).toBe(100);
    await breaker.admit(new AbortController().signal);
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

  it('doubles the pause up to a minute', async () => {
    const { clock, breaker } = setUp();
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      breaker.failed(undefined);
      await clock.advance(pauseMs - 1);
      expect(breaker.capacity(1)).toBe(0);
      await clock.advance(1);
      expect(breaker.capacity(1)).toBe(1);
    }
  });

  it('lets one submission try the upstream out and the others follow when it succeeds', async () => {
    const { clock, breaker } = setUp();
    const signal = new AbortController().signal;
    breaker.failed(undefined);
    await clock.advance(1_000);
    await breaker.admit(signal);
    let admitted = false;
    void breaker.admit(signal).then(() => (admitted = true));
    await clock.advance(10_000);
    expect(admitted).toBe(false);
    breaker.succeeded();
    await clock.advance(1_000);
    expect(admitted).toBe(true);
  });

  it('lets the next submission try when the first never reached the upstream', async () => {
    const { clock, breaker } = setUp();
    const signal = new AbortController().signal;
    breaker.failed(undefined);
    await clock.advance(1_000);
    await breaker.admit(signal);
    breaker.forgetProbe();
    await breaker.admit(signal);
  });

  it('stops waiting when the task is lost', async () => {
    const { breaker } = setUp();
    breaker.failed(undefined);
    const lost = new AbortController();
    const waiting = breaker.admit(lost.signal);
    lost.abort(new Error('lost'));
    await expect(waiting).rejects.toThrow('lost');
  });
});
