import { describe, expect, test } from 'vitest';
import { parseDelimited } from './delimited.ts';

const fields = (text: string, delimiter: ',' | '\t' = ','): (readonly string[])[] =>
  parseDelimited(text, delimiter).records.map((record) => record.fields);

describe('delimited text', () => {
  test('quotes, delimiters and line ends inside quotes belong to the field', () => {
    expect(fields('"a, ""b""\r\nc",d\r\n')).toEqual([['a, "b"\r\nc', 'd']]);
  });

  test('a record knows the line on which it starts, whatever the line ends are', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const text = ['h', `"two${end}lines"`, '', 'last'].join(end);
      expect(parseDelimited(text, ',').records.map((record) => record.line)).toEqual([1, 2, 5]);
    }
  });

  test.each([
    ['a,', [['a', '']]],
    [',\n', [['', '']]],
    ['a,b', [['a', 'b']]],
    [
      'a,\nb,',
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    ['""\n', []],
    ['\n\n', []],
    ['', []],
    ['"a"\r\n"b"', [['a'], ['b']]],
  ])('%j is %j', (text, expected) => {
    expect(fields(text)).toEqual(expected);
  });

  test('a tab separates where it is the delimiter, and a comma does not', () => {
    expect(fields('a,b\tc\n', '\t')).toEqual([['a,b', 'c']]);
  });

  test('what stands before a fault is kept, and nothing after it is guessed', () => {
    const { records, fault } = parseDelimited('a\nb\n"c\nd\n', ',');
    expect(records.map((record) => record.fields)).toEqual([['a'], ['b']]);
    expect(fault?.line).toBe(3);
  });

  test('every way of writing a table down is read back', () => {
    // A generator with a seed of its own, so that a failure can be repeated.
    let seed = 42;
    const next = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % limit;
    };
    const alphabet = ['a', '"', ',', '\n', '\r\n', ' ', '狐', '🦊'];
    for (let round = 0; round < 500; round += 1) {
      const width = 2 + next(3);
      const rows = Array.from({ length: 1 + next(4) }, () =>
        Array.from({ length: width }, () =>
          Array.from({ length: next(5) }, () => alphabet[next(alphabet.length)]).join(''),
        ),
      );
      const write = (cell: string): string =>
        /["\r\n,]/.test(cell) || next(3) === 0 ? `"${cell.replaceAll('"', '""')}"` : cell;
      const text = rows.map((row) => row.map(write).join(',')).join(next(2) === 0 ? '\n' : '\r\n');
      expect(parseDelimited(text, ','), JSON.stringify(text)).toMatchObject({
        fault: null,
        records: rows.map((cells) => ({ fields: cells })),
      });
    }
  });
});
