import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

describe('Retry-After', () => {
  const now = new Date('2026-11-20T12:00:00Z');
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Fri, 20 Nov 2026 12:02:00 GMT', 120_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['-5', null],
    ['1e3', null],
    ['soon', null],
    ['', null],
    ['99999999999999999999', Number.MAX_SAFE_INTEGER],
    ['2026-11-20', null],
  ])('%s is %s ms', (value, expected) => {
    expect(parseRetryAfter(value, now.getTime())).toBe(expected);
  });
});
