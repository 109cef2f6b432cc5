import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../testing/manual-clock.ts';
import { testUuid } from '../../testing/test-uuid.ts';
import { DeliveryWindows } from './delivery-windows.ts';
import { FAILURES_BEFORE_REST, FIRST_WINDOW, MAX_WINDOW, REST_MS, SLOW_ANSWER_MS } from './limits.ts';

const clock = new ManualClock();

const endpoint = (name: string) => ({ account_id: testUuid<'acct'>('a'), endpoint_id: testUuid<'whe'>(name) });
const quick = { accepted: true, durationMs: 10 };
const hung = { accepted: false, durationMs: 5_000 };

function roomsOf(windows: DeliveryWindows, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(windows.allot(names.map(endpoint)).map(({ endpoint_id, room }) => [endpoint_id, room]));
}

function run(windows: DeliveryWindows, name: string, outcome: typeof quick): void {
  windows.begin(endpoint(name));
  windows.end(endpoint(name), outcome);
}

describe('delivery windows', () => {
  it('widen with quick answers up to the largest', () => {
    const windows = new DeliveryWindows(clock);
    expect(roomsOf(windows, ['a'])).toEqual({ a: FIRST_WINDOW });
    windows.begin(endpoint('a'));
    for (let at = 0; at < 5; at += 1) run(windows, 'a', quick);
    expect(roomsOf(windows, ['a'])).toEqual({ a: MAX_WINDOW - 1 });
  });

  it('leave a hanging endpoint one attempt at a time, until it answers again', () => {
    const windows = new DeliveryWindows(clock);
    run(windows, 'a', hung);
    expect(roomsOf(windows, ['a'])).toEqual({ a: 1 });
    run(windows, 'a', quick);
    expect(roomsOf(windows, ['a'])).toEqual({ a: 2 });
    run(windows, 'a', quick);
    expect(roomsOf(windows, ['a'])).toEqual({ a: 4 });
  });

  it('narrow by half with quick failures', () => {
    const windows = new DeliveryWindows(clock);
    run(windows, 'a', { accepted: false, durationMs: 10 });
    expect(roomsOf(windows, ['a'])).toEqual({ a: FIRST_WINDOW / 2 });
  });

  it('do not widen for a slow endpoint', () => {
    const windows = new DeliveryWindows(clock);
    for (let at = 0; at < 5; at += 1) run(windows, 'a', { accepted: true, durationMs: SLOW_ANSWER_MS });
    expect(roomsOf(windows, ['a'])).toEqual({ a: FIRST_WINDOW });
  });

  it('give an endpoint that only fails a rest between attempts, and one that answers again none', async () => {
    const windows = new DeliveryWindows(clock);
    const failed = { accepted: false, durationMs: 10 };
    for (let at = 0; at < FAILURES_BEFORE_REST - 1; at += 1) run(windows, 'a', failed);
    expect(roomsOf(windows, ['a', 'b'])).toEqual({ a: 1, b: FIRST_WINDOW });
    for (let at = 0; at < 2; at += 1) {
      run(windows, 'a', failed);
      expect(roomsOf(windows, ['a', 'b'])).toEqual({ b: FIRST_WINDOW });
      await clock.advance(REST_MS - 1);
      expect(roomsOf(windows, ['a'])).toEqual({});
      await clock.advance(1);
      expect(roomsOf(windows, ['a'])).toEqual({ a: 1 });
    }
    run(windows, 'a', quick);
    expect(roomsOf(windows, ['a'])).toEqual({ a: 2 });
    run(windows, 'a', failed);
    expect(roomsOf(windows, ['a'])).toEqual({ a: 1 });
  });

  it('share the slots in turns, so that none takes all', () => {
    const windows = new DeliveryWindows(clock, { maxConcurrentAttempts: 6, maxSlowAttempts: 3 });
    expect(roomsOf(windows, ['a', 'b', 'c'])).toEqual({ a: 2, b: 2, c: 2 });
    expect(roomsOf(windows, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toEqual({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 });
  });

  it('keep half of the slots free of slow endpoints, however many there are', () => {
    const windows = new DeliveryWindows(clock, { maxConcurrentAttempts: 6, maxSlowAttempts: 3 });
    const slow = ['s1', 's2', 's3', 's4', 's5', 's6'];
    for (const name of slow) run(windows, name, hung);
    const first = roomsOf(windows, slow);
    expect(first).toEqual({ s1: 1, s2: 1, s3: 1 });
    for (const name of Object.keys(first)) windows.begin(endpoint(name));
    expect(roomsOf(windows, [...slow, 'quick'])).toEqual({ quick: 3 });
  });
});
