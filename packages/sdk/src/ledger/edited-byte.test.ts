import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exportOf, FORMATS, type Format, render, SIGNER } from '../../test/ledger-export-reference.ts';
import { ledgerOf, manySteps, type ReferenceEntry } from '../../test/ledger-reference.ts';
import { verifyLedgerExport } from './verify-ledger.ts';

const FINANCIAL = [
  'seq',
  'kind',
  'from',
  'to',
  'amount',
  'available_after',
  'reserved_after',
  'spent_after',
  'batch_id',
  'task_index',
  'reverses_seq',
  'reason',
  'reference',
  'created_at',
] as const satisfies readonly (keyof ReferenceEntry)[];

const ENTRIES = ledgerOf([
  ...manySteps(40),
  { kind: 'grant', amount: 77, reason: '=1+1, "größer"', reference: "'SLA-7" },
  { kind: 'reversal', amount: 5, reverses: 3, reason: 'dispute', reference: 'D-1' },
]);

/** Where a value of an entry stands in a file: found by writing the file once more with another value there. */
function placeOf(format: Format, seq: number, field: keyof ReferenceEntry): { start: number; length: number } | null {
  const whole = render(exportOf(ENTRIES), format);
  const file = exportOf(ENTRIES);
  const value = file.entries[seq - 1]![field];
  if (value === undefined || value === null || value === '') return null;
  Object.assign(file.entries[seq - 1]!, { [field]: typeof value === 'number' ? value + 1 : `${value}~` });
  const other = render(file, format);
  let at = 0;
  while (whole[at] === other[at]) at += 1;
  // The change is at the end of the value, and digits before it may be the same.
  const text = String(value);
  const start = whole.lastIndexOf(
    format === 'csv' ? text.replaceAll('"', '""') : JSON.stringify(text).replaceAll(/^"|"$/g, ''),
    at,
  );
  return start < 0 || at - start > text.length * 2 ? null : { start, length: Math.max(1, at - start) };
}

const change = fc.record({
  format: fc.constantFrom(...FORMATS),
  seq: fc.integer({ min: 1, max: ENTRIES.length }),
  field: fc.constantFrom(...FINANCIAL),
  place: fc.nat(1_000),
  byte: fc.integer({ min: 0x20, max: 0x7e }),
});

test('any byte of any financial field, changed to any other in any form, is found, and its entry named first', async () => {
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(change, async ({ format, seq, field, place, byte }) => {
      const found = placeOf(format, seq, field);
      fc.pre(found !== null);
      const bytes = Buffer.from(render(exportOf(ENTRIES), format));
      const before = Buffer.byteLength(render(exportOf(ENTRIES), format).slice(0, found.start));
      const at = before + (place % found.length);
      fc.pre(bytes[at] !== byte);
      bytes[at] = byte;
      changed += 1;
      const report = await verifyLedgerExport([bytes], { keys: [SIGNER.vkey] });
      expect(report.ok).toBe(false);
      const [first] = report.problems;
      const line = bytes.subarray(0, at).toString().split('\n').length;
      // What is no entry any more has no number, and is named by its place in the file.
      const isNamed =
        first!.seq === seq ||
        first!.position === line ||
        first!.position === seq ||
        first!.message.includes(`after ${seq - 1} entries`);
      expect(isNamed, `${format} ${field} of ${seq}: ${JSON.stringify(first)}`).toBe(true);
    }),
    { numRuns: 400 },
  );
  expect(changed).toBeGreaterThanOrEqual(400);
}, 120_000);

test.each(FORMATS)(
  '%s: a byte that leaves half a letter is named by its entry too, wherever the file is cut',
  async (format) => {
    // Past the first piece that is read, so that letters stand at its end.
    const entries = ledgerOf([
      ...manySteps(120),
      ...Array.from({ length: 40 }, (_, at) => ({
        kind: 'grant' as const,
        amount: 1,
        reason: 'größer '.repeat(12),
        reference: `G-${String(at)}`,
      })),
    ]);
    const whole = Buffer.from(render(exportOf(entries), format));
    expect(whole.length).toBeGreaterThan(32 * 1024);
    const letters = [...whole.keys()].filter((at) => whole[at]! >= 0xc0);
    for (const cut of [1, 1_000, whole.length]) {
      const at = letters[Math.floor((letters.length * 2) / 3)]!;
      const changed = Buffer.from(whole);
      changed[at + 1] = 0x41;
      const chunks = Array.from({ length: Math.ceil(whole.length / cut) }, (_, place) =>
        changed.subarray(place * cut, (place + 1) * cut),
      );
      const report = await verifyLedgerExport(chunks, { keys: [SIGNER.vkey] });
      expect(report.ok).toBe(false);
      const [first] = report.problems;
      const line = whole.subarray(0, at).toString().split('\n').length;
      expect(first).toMatchObject({
        position: line,
        message: expect.stringContaining(`line ${line} of the file is not UTF-8`),
      });
    }
  },
);
