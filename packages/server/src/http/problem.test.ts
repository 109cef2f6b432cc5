import { ERROR_CODES, type ErrorCode } from '@rushes/contract';
import { describe, expect, it } from 'vitest';
import { problemHeaders } from './problem.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const verdict = (code: ErrorCode, retryAfterSeconds?: number) =>
  problemHeaders({ code, detail: '', ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) })[
    'x-should-retry'
  ];

describe('x-should-retry', () => {
  it('asks for the same request again only where waiting alone can help', () => {
    const asked = CODES.filter((code) => verdict(code) === 'true');
    expect(asked.sort()).toEqual([
      'abnormal_usage',
      'internal_error',
      'rate_limited',
      'request_timeout',
      'unavailable',
    ]);
  });

  it('says false for every other code', () => {
    expect(CODES.filter((code) => verdict(code) === 'false')).toHaveLength(CODES.length - 5);
  });

  it('asks for the same request again when the refusal names a time', () => {
    expect(verdict('state_conflict', 2)).toBe('true');
  });
});
