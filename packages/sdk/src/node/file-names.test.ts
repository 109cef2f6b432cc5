import { expect, test } from 'vitest';
import { assignFileNames, videoFileName } from './file-names.ts';

const nameOf = (custom_id: string | null, index = 3): string => videoFileName({ index, custom_id });

test.each([
  [null, '00003.mp4'],
  ['shot-1_a.b', 'shot-1_a.b.mp4'],
  ['a:b', 'a%3Ab.mp4'],
  ['.hidden', '%2Ehidden.mp4'],
  ['..', '%2E..mp4'],
  ['con', '%63on.mp4'],
  ['LPT1.x', '%4CPT1.x.mp4'],
  ['console', 'console.mp4'],
  ['../../etc/passwd', '%2E.%2F..%2Fetc%2Fpasswd.mp4'],
  ['a\\b\0', 'a%5Cb%00.mp4'],
])('%j becomes %s', (customId, name) => {
  expect(nameOf(customId)).toBe(name);
});

test('an index with more than five digits keeps them all', () => {
  expect(nameOf(null, 123_456)).toBe('123456.mp4');
});

test('long ids stay within a file name and apart from each other', () => {
  const names = ['a', 'b'].map((end) => nameOf(':'.repeat(127) + end));
  for (const name of names) expect(name.length).toBeLessThan(200);
  expect(names[0]).not.toBe(names[1]);
});

test('no two tasks get one file, also where case does not count', () => {
  const ids = ['A', 'a', null, '00002', 'a:b', 'b', 'B'];
  const names = assignFileNames(ids.map((custom_id, index) => ({ index, custom_id })));
  const lower = [...names.values()].map((name) => name.toLowerCase());
  expect(new Set(lower).size).toBe(ids.length);
  expect(names.get(0)).toBe('A.mp4');
  expect(names.get(1)).toBe('a~1.mp4');
  expect(names.get(2)).toBe('00002.mp4');
  expect(names.get(3)).toBe('00002~3.mp4');
});
