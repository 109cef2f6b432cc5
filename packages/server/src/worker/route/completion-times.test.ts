import { describe, expect, it } from 'vitest';
import { CompletionTimes } from './completion-times.ts';

const BOUNDS = [2_000, 15_000] as const;

function experienced(tookMs: readonly number[]): CompletionTimes {
  const times = new CompletionTimes();
  for (const took of tookMs) times.observe('sora-2', took, took);
  return times;
}

/** Ages at which a generation is asked for until `untilMs`. */
function questions(times: CompletionTimes, untilMs: number): number[] {
  const ages: number[] = [];
  for (let age = 0; age < untilMs;) {
    age += times.pauseMs('sora-2', age, BOUNDS);
    ages.push(age);
  }
  return ages;
}

/** From 50 to 70 s, evenly. */
const AROUND_A_MINUTE = Array.from({ length: 64 }, (_, n) => 50_000 + (n * 20_000) / 63);

describe('the pause before the next question', () => {
  it('grows with the age as long as nothing is known', () => {
    expect(questions(new CompletionTimes(), 60_000).length).toBeGreaterThan(15);
    expect(experienced(AROUND_A_MINUTE.slice(0, 7)).pauseMs('sora-2', 50_000, BOUNDS)).toBe(5_000);
  });

  it('is long before the first plausible end and short where ends are usual', () => {
    const times = experienced(AROUND_A_MINUTE);
    const asked = questions(times, 70_000);
    expect(asked.filter((age) => age < 45_000)).toHaveLength(2);
    expect(asked.filter((age) => age > 50_000).length).toBeGreaterThanOrEqual(5);
    expect(questions(times, 60_000).length).toBeLessThan(questions(new CompletionTimes(), 60_000).length / 2);
  });

  it('spends no question on what can hardly have ended where questions are scarce', () => {
    const times = experienced(AROUND_A_MINUTE);
    expect(times.pauseMs('sora-2', 1_000, BOUNDS, true)).toBeGreaterThan(60_000);
    expect(times.pauseMs('sora-2', 66_000, BOUNDS, true)).toBeLessThan(5_000);
    expect(times.pauseMs('sora-2', 70_001, BOUNDS, true)).toBe(7_000.1);
    expect(new CompletionTimes().pauseMs('sora-2', 1_000, BOUNDS, true)).toBe(2_000);
  });

  it('does not take questions that came late for generations that were slow', () => {
    const times = new CompletionTimes();
    for (const took of AROUND_A_MINUTE) times.observe('sora-2', took - 1_000, took + 1_000);
    // Now nobody has time to ask before the 120th second.
    for (let n = 0; n < 500; n += 1) times.observe('sora-2', 0, 120_000);
    expect(questions(times, 120_000)[4]).toBeLessThan(100_000);
  });

  it('stays within the bounds of its route', () => {
    const times = experienced(AROUND_A_MINUTE);
    for (let age = 0; age < 600_000; age += 500) {
      const pause = times.pauseMs('sora-2', age, BOUNDS);
      expect(pause).toBeGreaterThanOrEqual(2_000);
      expect(pause).toBeLessThanOrEqual(15_000);
    }
  });

  it('follows an upstream that became faster, and keeps models apart', () => {
    const times = experienced([...AROUND_A_MINUTE, ...AROUND_A_MINUTE.map((ms) => ms / 10)]);
    expect(times.pauseMs('sora-2', 0, BOUNDS)).toBeLessThan(5_000);
    expect(times.pauseMs('veo-pro', 100_000, BOUNDS)).toBe(10_000);
  });
});
