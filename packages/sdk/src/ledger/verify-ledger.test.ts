import { describe, expect, test } from 'vitest';
import {
  checkpoint,
  exportOf,
  type ExportOptions,
  FORMATS,
  type Format,
  render,
  SIGNER,
} from '../../test/ledger-export-reference.ts';
import {
  ACCOUNT_ID,
  batchId,
  leafHash,
  ledgerOf,
  manySteps,
  type ReferenceEntry,
  sampleLedger,
  SERVER_NAME,
  Signer,
} from '../../test/ledger-reference.ts';
import type { LedgerReport } from './report.ts';
import { verifyLedger, verifyLedgerExport } from './verify-ledger.ts';
import type { VerifyOptions } from './verify-options.ts';

const KEYS = { keys: [SIGNER.vkey] };
const codes = ({ problems }: LedgerReport): string[] => problems.map(({ code }) => code);

async function verify(text: string | Buffer, options: Partial<VerifyOptions> = {}): Promise<LedgerReport> {
  return verifyLedgerExport([text], { ...KEYS, ...options });
}

/** What is found when a signed ledger's file is edited, leaf hashes staying as they were. */
async function afterEdit(edit: (entries: ReferenceEntry[]) => void, format: Format = 'jsonl'): Promise<LedgerReport> {
  const file = exportOf(sampleLedger());
  edit(file.entries);
  return verify(render(file, format));
}

/** What is found when the server itself signs these entries. */
async function whenSigned(
  edit: (entries: ReferenceEntry[]) => void,
  options: ExportOptions = {},
): Promise<LedgerReport> {
  const entries = sampleLedger();
  edit(entries);
  return verify(render(exportOf(entries, { size: entries.length, ...options }), 'jsonl'));
}

describe('a genuine export', () => {
  test.each(FORMATS)('as %s is found right, with its balances and totals', async (format) => {
    const report = await verify(render(exportOf(sampleLedger()), format));
    expect(report).toMatchObject({
      ok: true,
      problems: [],
      warnings: [],
      account_id: ACCOUNT_ID,
      server_name: SERVER_NAME,
      epoch: 1,
      size: 11,
      signed_by: SIGNER.vkey,
      range: { first: 1, last: 11 },
      balances: { before: { available: 0 }, after: { available: 199_153, reserved: 599, spent: 648 } },
      batches: { closed: 1, open: 1 },
    });
    expect(report.totals['charge']).toEqual({ entries: 2, credits: 648 });
  });

  test.each(FORMATS)('as %s may arrive a byte at a time', async (format) => {
    const bytes = Buffer.from(render(exportOf(sampleLedger()), format));
    const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(await verifyLedgerExport(chunks, KEYS)).toMatchObject({ ok: true, range: { first: 1, last: 11 } });
  });

  test.each(FORMATS)('as %s may be of any range', async (format) => {
    const entries = ledgerOf(manySteps(37));
    for (const [first, last] of [
      [1, 0],
      [1, 9],
      [5, 5],
      [20, 37],
      [13, 30],
      [37, 37],
      [38, 37],
    ] as const) {
      const report = await verify(render(exportOf(entries, { first, last }), format));
      expect([first, last, report.ok, report.problems]).toEqual([first, last, true, []]);
    }
  });

  test('may come without leaf hashes, as entries of the API, and with keys of the well-known document', async () => {
    const entries = sampleLedger();
    const keys = {
      server_name: SERVER_NAME,
      keys: [
        { key: new Signer(9).vkey, status: 'retired', created_at: '' },
        { key: SIGNER.vkey, status: 'active', created_at: '' },
      ],
    };
    expect(await verifyLedger({ entries, checkpoint: checkpoint(entries), keys })).toMatchObject({
      ok: true,
      problems: [],
    });
  });

  test('of an account with nothing sealed proves nothing, and says so', async () => {
    const file = exportOf([]);
    file.header['checkpoint'] = null;
    for (const format of FORMATS) expect(codes(await verify(render(file, format)))).toEqual(['no_checkpoint']);
  });
});

describe('an edited file', () => {
  test.each(['jsonl', 'csv'] as const)(
    '%s: a change of any byte of an entry names the entry',
    { timeout: 60_000 },
    async (format) => {
      const whole = Buffer.from(render(exportOf(sampleLedger()), format));
      const file = exportOf(sampleLedger());
      for (const seq of [2, 4, 8]) {
        const line = Buffer.from(render({ ...file, entries: [file.entries[seq - 1]!] }, format));
        const prefix = Buffer.from(render({ ...file, entries: [] }, format)).length;
        const entry = line.subarray(prefix, format === 'csv' ? -2 : -1);
        const start = whole.indexOf(entry);
        expect(start).toBeGreaterThan(0);
        const nameOfLeafHash = whole.indexOf('leaf_hash":', start);
        const lineNumber = whole.subarray(0, start).toString().split('\n').length;
        for (let at = start; at < start + entry.length; at += 1) {
          // Without a leaf hash an entry is still held against the root.
          if (format === 'jsonl' && at >= nameOfLeafHash && at < nameOfLeafHash + 'leaf_hash'.length) continue;
          const changed = Buffer.from(whole);
          changed[at]! ^= 1;
          const report = await verify(changed);
          const context = `${String(seq)}: ${changed.subarray(Math.max(start, at - 20), at + 20).toString()}`;
          expect(report.ok, context).toBe(false);
          const [first] = report.problems;
          expect(first!.seq === seq || first!.position === lineNumber, `${context} ${JSON.stringify(first)}`).toBe(
            true,
          );
        }
      }
    },
  );

  test.each(FORMATS)('%s: the field is named where its neighbours contradict it', async (format) => {
    const edits: [keyof ReferenceEntry, (entry: ReferenceEntry) => void][] = [
      ['available_after', (entry) => (entry.available_after += 1)],
      ['reserved_after', (entry) => (entry.reserved_after -= 1)],
      ['spent_after', (entry) => (entry.spent_after += 100)],
      ['task_id', (entry) => (entry.task_index = 7)],
      ['to', (entry) => (entry.to = 'available')],
    ];
    for (const [field, edit] of edits) {
      const report = await afterEdit((entries) => edit(entries[3]!), format);
      expect(report.problems.every(({ seq }) => seq === 4)).toBe(true);
      expect(report.problems.map((each) => each.field)).toContain(field);
      expect(report.edited).toEqual({ entries: 1, ledger_is_intact: true });
    }
  });

  test('an amount is named with what it must be', async () => {
    const report = await afterEdit((entries) => (entries[3]!.amount = 94));
    expect(codes(report)).toEqual(['leaf_hash_differs', 'wrong_balance', 'wrong_balance']);
    expect(report.problems[1]!.message).toBe('reserved_after is 98; with 147 before and an amount of 94 it must be 53');
    expect(report.problems[0]).toMatchObject({ seq: 4, position: 5 });
  });

  test('the first wrong entry is named, and the others are counted', async () => {
    const report = await afterEdit((entries) => {
      entries[4]!.reason = 'content';
      entries[8]!.reference = 'x';
    });
    expect(report.problems).toMatchObject([{ code: 'leaf_hash_differs', seq: 5 }]);
    expect(report.edited).toEqual({ entries: 2, ledger_is_intact: true });
  });

  test.each(FORMATS)('%s: dropped, repeated, swapped and cut entries are named', async (format) => {
    const dropped = await afterEdit((entries) => entries.splice(3, 2), format);
    expect(dropped.problems).toMatchObject([{ code: 'missing_entry', seq: 4, range: { first: 4, last: 5 } }]);
    const repeated = await afterEdit((entries) => entries.splice(4, 0, entries[3]!), format);
    expect(repeated.problems).toMatchObject([{ code: 'repeated_entry', seq: 4 }]);
    const swapped = await afterEdit((entries) => entries.splice(3, 2, entries[4]!, entries[3]!), format);
    expect(swapped.problems).toMatchObject([{ code: 'missing_entry', seq: 4 }]);
    const cut = await afterEdit((entries) => entries.splice(9), format);
    expect(cut.problems).toMatchObject([{ code: 'entries_missing', seq: 10, range: { first: 10, last: 11 } }]);
    const longer = await afterEdit((entries) => entries.push({ ...entries[10]!, seq: 12 }), format);
    expect(longer.problems).toMatchObject([{ code: 'misplaced_entry', seq: 12 }]);
  });

  test('with leaf hashes made again it is still not what was signed', async () => {
    const report = await afterEdit((entries) => {
      entries[4]!.reason = 'content';
      entries[4]!.leaf_hash = leafHash(entries[4]!).toString('base64');
    });
    expect(report.problems).toMatchObject([{ code: 'root_differs', range: { first: 1, last: 11 } }]);
  });

  test('with the hashes of its range changed it is refused', async () => {
    const file = exportOf(ledgerOf(manySteps(37)), { first: 6, last: 20 });
    const range = file.header['range'] as { left: string[]; right: string[] };
    for (const side of ['left', 'right'] as const) {
      const [first = '', ...rest] = range[side];
      for (const hashes of [
        [first.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')), ...rest],
        rest,
        [first, first, ...rest],
      ]) {
        const changed = { ...file, header: { ...file.header, range: { ...range, [side]: hashes } } };
        expect((await verify(render(changed, 'jsonl'))).ok).toBe(false);
      }
    }
  });

  test.each(FORMATS)('%s: an entry that is wrong is named although a later line cannot be read', async (format) => {
    const file = exportOf(sampleLedger());
    file.entries[3]!.amount = 94;
    const text = render(file, format).replace(
      format === 'csv' ? '11,revoke,' : '"kind":"revoke"',
      format === 'csv' ? '11,"x"y' : '!',
    );
    const [first, ...others] = (await verify(text)).problems;
    expect(first).toMatchObject({ seq: 4 });
    expect(others.at(-1)).toMatchObject({ code: 'not_an_export' });
  });

  test('that broke off is none', async () => {
    for (const format of FORMATS) {
      const text = render(exportOf(sampleLedger()), format);
      for (let length = 0; length < text.length - 3; length += 61) {
        expect((await verify(text.slice(0, length))).ok, `${format} ${length}`).toBe(false);
      }
    }
  });

  test('a formula that a spreadsheet would run is not passed over', async () => {
    const text = render(exportOf(sampleLedger()), 'csv').replace(`"'=HYPERLINK(`, '"=HYPERLINK(');
    expect((await verify(text)).problems).toMatchObject([{ code: 'bad_field', field: 'reason', position: 7 }]);
  });
});

describe('a ledger whose server signs what breaks the rules', () => {
  const cases: [string, (entries: ReferenceEntry[]) => void][] = [
    ['wrong_balance', (entries) => (entries[3]!.available_after += 5)],
    ['wrong_movement', (entries) => (entries[3]!.batch_id = entries[3]!.task_id = null)],
    ['time_runs_back', (entries) => (entries[5]!.created_at = entries[2]!.created_at)],
    ['reference_repeated', (entries) => (entries[1]!.reference = 'INV-2026-0001')],
    ['no_reserve', (entries) => ((entries[8]!.batch_id = batchId(99)), (entries[8]!.task_id = taskOf(99, 1)))],
    ['second_reserve', (entries) => (entries[6]!.batch_id = batchId(1))],
    ['task_resolved_twice', (entries) => ((entries[5]!.task_index = 0), (entries[5]!.task_id = entries[3]!.task_id))],
    ['bad_reversal', (entries) => (entries[7]!.reverses_seq = 3)],
    ['bad_reversal', (entries) => (entries[7]!.reverses_seq = 8)],
    ['bad_field', (entries) => (entries[0]!.amount = 0)],
    ['bad_field', (entries) => (entries[0]!.created_at = '2026-11-01T08:00:01Z')],
  ];
  test.each(cases)('%s is named', async (code, edit) => {
    const report = await whenSigned(edit);
    expect(codes(report)).toContain(code);
    // What has no leaf of its own cannot be told from an edit.
    if (code !== 'bad_field') expect(report.edited).toBe(null);
  });

  const taskOf = (batch: number, task: number): string =>
    ledgerOf([{ kind: 'charge', amount: 1, batch, task }])[0]!.task_id!;

  test('a batch never takes more than its reserve', async () => {
    const purchase = { kind: 'purchase', amount: 1_000, reference: 'a' };
    const reserves = [
      { kind: 'reserve', amount: 50, batch: 1 },
      { kind: 'reserve', amount: 50, batch: 2 },
    ];
    const charges = [
      { kind: 'charge', amount: 30, batch: 1, task: 0 },
      { kind: 'charge', amount: 30, batch: 1, task: 1 },
    ];
    const report = await verify(render(exportOf(ledgerOf([purchase, ...reserves, ...charges])), 'jsonl'));
    expect(report.problems).toMatchObject([{ code: 'reserve_exceeded', seq: 5, field: 'amount' }]);
  });

  test('reversals of an entry never exceed it, in parts neither', async () => {
    const report = await whenSigned((entries) => {
      entries[7]!.amount = 21;
      for (const entry of entries.slice(7)) {
        entry.available_after += 1;
        entry.spent_after -= 1;
      }
    });
    expect(report.problems).toMatchObject([{ code: 'reversal_exceeded', seq: 10 }]);
  });
});

describe('a checkpoint', () => {
  const entries = sampleLedger();
  const withCheckpoint = (note: string): string => {
    const file = exportOf(entries);
    file.header['checkpoint'] = note;
    return render(file, 'csv');
  };

  test('signed by a stranger in the name of the server is refused', async () => {
    const forged = checkpoint(entries, { signer: new Signer(8) });
    expect(codes(await verify(withCheckpoint(forged)))).toEqual(['unknown_key']);
  });

  test('with any bit of its signature or text changed is refused', async () => {
    const note = Buffer.from(checkpoint(entries));
    for (let at = 0; at < note.length; at += 1) {
      const changed = Buffer.from(note);
      changed[at]! ^= 1;
      const report = await verify(withCheckpoint(changed.toString()));
      expect(report.ok, changed.toString()).toBe(false);
    }
  });

  test('of another account or another server does not count', async () => {
    const other = checkpoint(entries, { accountId: 'acct_JCzNh5RrWcRv8zjp3m3Qgq' });
    expect(codes(await verify(withCheckpoint(other)))).toContain('wrong_account');
    const elsewhere = new Signer(7, 'other.example.com');
    expect(codes(await verify(withCheckpoint(checkpoint(entries, { signer: elsewhere }))))).toEqual(['unknown_key']);
    expect(codes(await verify(withCheckpoint(checkpoint(entries)), { accountId: 'acct_1' }))).toEqual([
      'wrong_account',
    ]);
  });

  test('may have further signatures and lines', async () => {
    const [text = '', signature = ''] = checkpoint(entries).split('\n\n');
    const [, cosignature = ''] = new Signer(3, 'witness.example').note(`${text}\n`).split('\n\n');
    expect(await verify(withCheckpoint(`${text}\n\n${cosignature}${signature}`))).toMatchObject({ ok: true });
    const extended = SIGNER.note(`${text}\nan extension\n`);
    expect(await verify(withCheckpoint(extended))).toMatchObject({ ok: true });
  });
});

test('keys that are none are refused at once', async () => {
  await expect(verify('', { keys: [] })).rejects.toThrow(/No ledger key/);
  await expect(verify('', { keys: ['nonsense'] })).rejects.toThrow(/not a ledger key/);
  await expect(verify('', { keys: [SIGNER.vkey.replace('rushes', 'rashes')] })).rejects.toThrow(/damaged/);
});
