import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { toHex } from './bytes.ts';
import { portableSha256, sha256 } from './sha256.ts';

test('both ways of hashing give SHA-256 for every length around the ends of blocks', () => {
  for (let length = 0; length <= 260; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length) & 0xff);
    const expected = createHash('sha256').update(bytes).digest('hex');
    expect(toHex(portableSha256(bytes)), `portable, ${length} bytes`).toBe(expected);
    expect(toHex(sha256(bytes)), `${length} bytes`).toBe(expected);
  }
});
