import { describe, expect, it } from 'vitest';
import { decideRetry } from './retry-policy.ts';

const limits = { maxFailures: 3, baseDelayMs: 1_000, maxDelayMs: 60_000 };

describe('the retry policy', () => {
  it('tries a provider error again until the route has had its attempts', () => {
    expect(decideRetry('provider_error', { failures: 0, attempt: 1 }, limits, 1)).toEqual({
      retry: true,
      counted: true,
      delayMs: 1_000,
    });
    expect(decideRetry('provider_error', { failures: 1, attempt: 2 }, limits, 1)).toEqual({
      retry: true,
      counted: true,
      delayMs: 2_000,
    });
    expect(decideRetry('provider_error', { failures: 2, attempt: 3 }, limits, 1)).toEqual({ retry: false });
  });

  it.each(['provider_rate_limited', 'provider_unavailable'] as const)('never counts %s against the task', (type) => {
    expect(decideRetry(type, { failures: 2, attempt: 50 }, limits, 1)).toEqual({
      retry: true,
      counted: false,
      delayMs: 60_000,
    });
  });

  it.each([
    'timeout',
    'invalid_request',
    'model_retired',
    'internal_error',
    'moderation_input',
    'moderation_output',
    'storage_error',
    'canceled',
  ] as const)('never generates again after %s', (type) => {
    expect(decideRetry(type, { failures: 0, attempt: 1 }, limits, 1)).toEqual({ retry: false });
  });

  it('waits as long as the upstream asked, within bounds', () => {
    expect(decideRetry('provider_rate_limited', { failures: 0, attempt: 1 }, limits, 0, 30_000)).toMatchObject({
      delayMs: 30_000,
    });
    expect(decideRetry('provider_rate_limited', { failures: 0, attempt: 1 }, limits, 0, 3_600_000)).toMatchObject({
      delayMs: 60_000,
    });
  });

  it('spreads tasks that failed together', () => {
    const delays = [0, 0.5, 1].map((jitter) =>
      decideRetry('provider_error', { failures: 0, attempt: 1 }, limits, jitter),
    );
    expect(delays).toEqual([500, 750, 1_000].map((delayMs) => ({ retry: true, counted: true, delayMs })));
  });
});
