import { expect, test } from 'vitest';
import { fromBase64, toBase64 } from './bytes.ts';

test('base64 has one spelling for the same bytes: no signature or hash can be written in two ways', () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 73 + length) & 0xff);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  }
  for (const text of ['AB==', 'AAB=', 'AA', 'AAA', 'AA==\n', ' AAAA', 'AA-_', 'A===', '====', 'ä']) {
    expect(fromBase64(text), text).toBe(null);
  }
});
