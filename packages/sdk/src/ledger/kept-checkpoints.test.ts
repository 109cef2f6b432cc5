import { describe, expect, test } from 'vitest';
import { checkpoint, exportOf, render, SIGNER } from '../../test/ledger-export-reference.ts';
import {
  ACCOUNT_ID,
  leafHash,
  ledgerOf,
  manySteps,
  type ReferenceEntry,
  SERVER_NAME,
  Signer,
} from '../../test/ledger-reference.ts';
import { type CheckpointStore, keepCheckpoint, MemoryCheckpointStore } from './checkpoint-store.ts';
import type { LedgerReport } from './report.ts';
import { verifyLedgerExport } from './verify-ledger.ts';
import type { VerifyOptions } from './verify-options.ts';

const KEYS = { keys: [SIGNER.vkey] };
const codes = ({ problems }: LedgerReport): string[] => problems.map(({ code }) => code);

async function verify(text: string, options: Partial<VerifyOptions> = {}): Promise<LedgerReport> {
  return verifyLedgerExport([text], { ...KEYS, ...options });
}

describe('what was kept', () => {
  const entries = ledgerOf(manySteps(60));
  const at = (size: number, of = entries): string => checkpoint(of, { size });
  /** The database's owner changes entry 33 and everything after it, and the server signs the result. */
  const rewritten = ((): ReferenceEntry[] =>
    ledgerOf([...manySteps(60)].map((step, index) => (index === 32 ? { ...step, reason: 'better' } : step))))();

  test('is remembered by a store, and a longer ledger agrees with it', async () => {
    const store = new MemoryCheckpointStore();
    for (const size of [20, 40, 40, 60]) {
      expect(await verify(render(exportOf(entries, { size }), 'csv'), { store })).toMatchObject({ ok: true });
    }
    const kept = await store.read({ serverName: SERVER_NAME, accountId: ACCOUNT_ID });
    expect(kept.map((each) => each.checkpoint)).toEqual([at(20), at(40), at(60)]);
  });

  test('shows a consistent rewrite, with the entries after the last that agrees', async () => {
    expect(await verify(render(exportOf(rewritten), 'json'))).toMatchObject({ ok: true });
    const store = new MemoryCheckpointStore();
    for (const size of [10, 25, 50]) await keepCheckpoint(at(size), { ...KEYS, store });
    const report = await verify(render(exportOf(rewritten), 'json'), { store });
    expect(report.problems).toMatchObject([{ code: 'history_rewritten', range: { first: 26, last: 50 } }]);
    expect(report.kept).toEqual({ compared: 3, agreeing_size: 25 });
    expect(await store.read({ serverName: SERVER_NAME, accountId: ACCOUNT_ID })).toHaveLength(3);
    const bare = await verify(render(exportOf(rewritten), 'json'), { previousCheckpoint: at(50) });
    expect(bare.problems).toMatchObject([{ code: 'history_rewritten', range: { first: 1, last: 50 } }]);
  });

  test('narrows an edit whose leaf hash was made again', async () => {
    const file = exportOf(entries);
    file.entries[32]!.reason = 'better';
    file.entries[32]!.leaf_hash = leafHash(file.entries[32]!).toString('base64');
    const report = await verify(render(file, 'jsonl'), { previousCheckpoint: [at(10), at(25)] });
    expect(report.problems).toMatchObject([{ code: 'root_differs', range: { first: 26, last: 60 } }]);
  });

  test('shows an export that was rolled back', async () => {
    const report = await verify(render(exportOf(entries, { size: 30 }), 'csv'), { previousCheckpoint: at(40) });
    expect(report.problems).toMatchObject([{ code: 'rolled_back', range: { first: 31, last: 40 } }]);
  });

  test('is named in whole words: with its day, or as kept earlier when the day is not known', async () => {
    const short = render(exportOf(entries, { size: 30 }), 'csv');
    const changed = render(exportOf(rewritten), 'json');
    const messageOf = async (text: string, options: Partial<VerifyOptions>): Promise<string> =>
      (await verify(text, options)).problems[0]!.message;
    for (const text of [short, changed]) {
      const given = await messageOf(text, { previousCheckpoint: at(40) });
      expect(given).toMatch(/the checkpoint of 40 entries that was kept earlier(?=[:;])/);
      const store = new MemoryCheckpointStore();
      await keepCheckpoint(at(40), { ...KEYS, store, keptAt: new Date('2026-11-28T12:00:00Z') });
      expect(await messageOf(text, { store })).toMatch(/of 40 entries that was kept on 2026-11-28(?=[:;])/);
      const ownStore: CheckpointStore = {
        read: () => Promise.resolve([{ checkpoint: at(40), kept_at: 'the day of the audit', checked: true }]),
        keep: () => Promise.resolve(),
      };
      expect(await messageOf(text, { store: ownStore })).toMatch(/that was kept earlier(?=[:;])/);
    }
  });

  test('must itself be signed', async () => {
    const forged = checkpoint(entries, { size: 40, signer: new Signer(8) });
    expect(codes(await verify(render(exportOf(entries), 'csv'), { previousCheckpoint: forged }))).toEqual([
      'unknown_key',
    ]);
    await expect(keepCheckpoint(forged, { ...KEYS, store: new MemoryCheckpointStore() })).rejects.toThrow(/not signed/);
  });

  test('is held against a bounded export as far as it reaches, and nothing is kept of one that cannot be compared', async () => {
    const store = new MemoryCheckpointStore();
    await keepCheckpoint(at(50), { ...KEYS, store });
    const reaching = await verify(render(exportOf(rewritten, { first: 30, last: 55 }), 'csv'), { store });
    expect(reaching.problems).toMatchObject([{ code: 'history_rewritten' }]);
    const short = await verify(render(exportOf(entries, { first: 30, last: 35 }), 'csv'), { store });
    expect(short).toMatchObject({ ok: true, kept: { compared: 0 } });
    expect(short.warnings.join()).toMatch(/verify a whole export/);
    expect(await store.read({ serverName: SERVER_NAME, accountId: ACCOUNT_ID })).toHaveLength(1);
  });

  describe('before a new epoch', () => {
    const restored = [...entries.slice(0, 30), ...ledgerOf(manySteps(70, 30)).slice(0, 0)];
    const epochs = [
      {
        epoch: 1,
        last_checkpoint: at(60),
        first_checkpoint: checkpoint(restored, { epoch: 2 }),
        reason: 'disk lost',
        opened_at: '2026-12-01T00:00:00.000000Z',
      },
    ];
    const file = render(exportOf(restored, { epoch: 2, previousEpochs: epochs }), 'csv');

    test('is demanded until the epoch is accepted, once', async () => {
      const store = new MemoryCheckpointStore();
      await verify(render(exportOf(entries, { size: 50 }), 'csv'), { store });
      const report = await verify(file, { store });
      expect(codes(report)).toEqual(['rolled_back']);
      expect(report.problems[0]!.message).toMatch(/opened epoch 2/);
      expect(await verify(file, { store, acceptEpoch: 2 })).toMatchObject({ ok: true, epoch: 2 });
      const later = await verify(file, { store });
      expect(later).toMatchObject({ ok: true });
      expect(later.warnings.join()).toMatch(/disk lost.*accepted with epoch 2/);
      expect(codes(await verify(render(exportOf(entries, { size: 60 }), 'csv'), { store }))).toEqual(['rolled_back']);
    });

    test('must be told of, with both checkpoints signed', async () => {
      expect(codes(await verify(render(exportOf(restored, { epoch: 2 }), 'csv')))).toEqual(['bad_epoch']);
      const forged = [{ ...epochs[0], last_checkpoint: checkpoint(entries, { signer: new Signer(8) }) }];
      const report = await verify(render(exportOf(restored, { epoch: 2, previousEpochs: forged }), 'csv'));
      expect(codes(report)).toEqual(['unknown_key']);
    });
  });
});
