import { describe, expect, it } from 'vitest';
import { createAttemptTokens } from './attempt-token.ts';
import { testUuid } from '../../testing/test-uuid.ts';

const tokens = createAttemptTokens(new Uint8Array(32).fill(1));
const key = {
  accountUuid: testUuid<'acct'>('0196b000-0000-7000-8000-00000000000a'),
  batchUuid: testUuid<'bat'>('0196b000-0000-7000-8000-00000000000b'),
  index: 9_999,
  attempt: 3,
};

describe('the token of a submission', () => {
  it('names it, the same whenever it is derived', () => {
    const token = tokens.tokenFor('grsai', key);
    expect(tokens.tokenFor('grsai', { ...key })).toBe(token);
    expect(token).toMatch(/^[\w-]{75}$/);
    expect(tokens.read('grsai', token)).toEqual(key);
  });

  it('is good for one route only', () => {
    expect(tokens.read('simulator', tokens.tokenFor('grsai', key))).toBeNull();
  });

  it('cannot be made without the secret, nor turned into that of another submission', () => {
    const token = tokens.tokenFor('grsai', key);
    expect(createAttemptTokens(new Uint8Array(32)).read('grsai', token)).toBeNull();
    const bytes = Buffer.from(token, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(tokens.read('grsai', changed.toString('base64url'))).toBeNull();
    }
  });

  it.each(['', 'x', 'A'.repeat(75), 'A'.repeat(76), '?'.repeat(75), 'é'.repeat(75), 'A'.repeat(100_000)])(
    'is not %j',
    (text) => {
      expect(tokens.read('grsai', text)).toBeNull();
    },
  );
});
