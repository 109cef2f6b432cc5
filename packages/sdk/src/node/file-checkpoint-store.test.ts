import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkpoint } from '../../test/ledger-export-reference.ts';
import { ACCOUNT_ID, ledgerOf, manySteps, SERVER_NAME } from '../../test/ledger-reference.ts';
import { FileCheckpointStore } from './file-checkpoint-store.ts';

const LEDGER = { serverName: SERVER_NAME, accountId: ACCOUNT_ID };
const entries = ledgerOf(manySteps(30));
const kept = (size: number): { checkpoint: string; kept_at: string; checked: boolean } => ({
  checkpoint: checkpoint(entries, { size }),
  kept_at: '2026-11-20T12:00:00.000Z',
  checked: true,
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'rushes-store-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return join(path, 'ledger');
}

test('what was kept is there for the next program, ledger by ledger, for its owner alone', async () => {
  const path = folder();
  expect(await new FileCheckpointStore(path).read(LEDGER)).toEqual([]);
  await new FileCheckpointStore(path).keep(LEDGER, kept(10));
  await new FileCheckpointStore(path).keep(LEDGER, kept(20));
  expect(await new FileCheckpointStore(path).read(LEDGER)).toEqual([kept(10), kept(20)]);
  expect(await new FileCheckpointStore(path).read({ ...LEDGER, serverName: 'other' })).toEqual([]);
  const file = join(path, SERVER_NAME, `${ACCOUNT_ID}.jsonl`);
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('half a line of a power cut is dropped, a line that was changed is not passed over', async () => {
  const path = folder();
  const store = new FileCheckpointStore(path);
  await store.keep(LEDGER, kept(10));
  const file = join(path, SERVER_NAME, `${ACCOUNT_ID}.jsonl`);
  appendFileSync(file, '{"checkpoint":"rus');
  expect(await store.read(LEDGER)).toEqual([kept(10)]);
  await store.keep(LEDGER, kept(20));
  expect(await store.read(LEDGER)).toEqual([kept(10), kept(20)]);
  expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
  appendFileSync(file, '{}\n');
  await expect(store.read(LEDGER)).rejects.toThrow(/line 3 is not a kept checkpoint/);
});

test('a name never leads out of the folder', async () => {
  const path = folder();
  const store = new FileCheckpointStore(path);
  for (const serverName of ['../up', '..', 'a/b', 'a:b', '.x']) {
    const ledger = { serverName, accountId: ACCOUNT_ID };
    await store.keep(ledger, kept(10));
    expect(await store.read(ledger)).toHaveLength(1);
  }
  expect(() => statSync(join(path, '..', 'up'))).toThrow(/ENOENT/);
  expect(readdirSync(path)).toHaveLength(5);
});
