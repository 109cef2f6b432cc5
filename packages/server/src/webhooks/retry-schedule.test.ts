import { describe, expect, it } from 'vitest';
import { nextAttemptDelayMs } from './retry-schedule.ts';

const attemptTimesMs = [0, 60_000, 900_000];
const question = { attemptTimesMs, fraction: 0.5, retryAfterMs: null };

describe('the retry schedule', () => {
  it('makes three attempts: at once, after about 1 and about 15 minutes', () => {
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 1 })).toBe(60_000);
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 2 })).toBe(840_000);
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 3 })).toBeNull();
  });

  it('spreads retries by a fifth both ways', () => {
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 1, fraction: 0 })).toBe(48_000);
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 1, fraction: 0.999_999 })).toBe(72_000);
  });

  it('obeys a Retry-After that is longer, up to an hour, and never one that is shorter', () => {
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 1, retryAfterMs: 120_000 })).toBe(120_000);
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 1, retryAfterMs: 86_400_000 })).toBe(3_600_000);
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 1, retryAfterMs: 1_000 })).toBe(60_000);
  });

  it('makes no attempt more because of a Retry-After', () => {
    expect(nextAttemptDelayMs({ ...question, attemptsMade: 3, retryAfterMs: 1_000 })).toBeNull();
  });
});
