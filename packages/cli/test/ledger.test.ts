import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkpoint, exportOf, FORMATS, render, SIGNER } from '../../sdk/test/ledger-export-reference.ts';
import {
  ACCOUNT_ID,
  leafHash,
  ledgerOf,
  manySteps,
  sampleLedger,
  SERVER_NAME,
  Signer,
} from '../../sdk/test/ledger-reference.ts';
import { consistencyPath } from '../../sdk/test/tree-by-definition.ts';
import { type Ended, rushes, type RunOptions, scratchFolder } from './rushes.ts';
import { startServer } from './scripted-server.ts';

const KEYS = { server_name: SERVER_NAME, keys: [{ key: SIGNER.vkey, status: 'active', created_at: '2026-11-01' }] };
const entries = ledgerOf(manySteps(40));

/** A customer's machine: its settings stay between commands. */
function machine(): {
  file(name: string, text: string): string;
  run(words: string[], options?: RunOptions): Promise<Ended>;
} {
  const home = scratchFolder();
  mkdirSync(join(home, '.config'));
  return {
    file(name, text) {
      const path = join(home, name);
      writeFileSync(path, text);
      return path;
    },
    run: (words, options = {}) =>
      rushes(words, {
        ...options,
        env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), RUSHES_API_KEY: undefined, ...options.env },
      }),
  };
}

describe('ledger verify', () => {
  test.each(FORMATS)('a genuine %s is right, without a server, an API key or a pin', async (format) => {
    const { file, run } = machine();
    const keys = file('keys.json', JSON.stringify(KEYS));
    const path = file(`november.${format}`, render(exportOf(sampleLedger()), format));
    const plain = await run(['ledger', 'verify', path, '--keys', keys]);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(plain.stdout).toContain(
      `Right. Entries 1 to 11 of account ${ACCOUNT_ID} at ${SERVER_NAME}, which is the whole ledger.`,
    );
    expect(plain.stdout).toContain('After:   available 199,153, reserved 599, spent 648.');
    expect(plain.stdout).toContain('first checkpoint of this ledger');
    const again = await run(['ledger', 'verify', '-', '--key', SIGNER.vkey, '--json'], { stdin: readFileSync(path) });
    expect(JSON.parse(again.stdout)).toMatchObject({ valid: true, size: 11, kept: { compared: 1, agreeing_size: 11 } });
  });

  test('prints what docs/finance.md shows', async () => {
    const { file, run } = machine();
    const page = readFileSync(join(import.meta.dirname, '../../../docs/finance.md'), 'utf8');
    const verify = (size: number): Promise<Ended> => {
      const path = file('ledger-2026-11.csv', render(exportOf(sampleLedger(), { size }), 'csv'));
      return run(['ledger', 'verify', path, '--key', SIGNER.vkey]);
    };
    await verify(9);
    expect(page).toContain(`\`\`\`\n${(await verify(11)).stdout}\`\`\``);
  });

  test('an edited file ends with 1 and says where', async () => {
    const { file, run } = machine();
    const edited = exportOf(sampleLedger());
    edited.entries[3]!.amount = 94;
    const path = file('november.csv', render(edited, 'csv'));
    const plain = await run(['ledger', 'verify', path, '--key', SIGNER.vkey]);
    expect(plain.code).toBe(1);
    expect(plain.stdout).toContain('Not right.');
    expect(plain.stdout).toContain(
      'november.csv:9: entry 4: reserved_after is 98; with 147 before and an amount of 94 it must be 53',
    );
    expect(plain.stdout).toContain('this file was edited and the ledger was not');
    const json = await run(['ledger', 'verify', path, '--key', SIGNER.vkey, '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      valid: false,
      problems: [{ code: 'leaf_hash_differs', seq: 4 }, {}, {}],
    });
  });

  test('a rewritten history is found by what an earlier run kept, and a rolled-back one too', async () => {
    const { file, run } = machine();
    const verify = (name: string, text: string): Promise<Ended> =>
      run(['ledger', 'verify', file(name, text), '--key', SIGNER.vkey]);
    for (const size of [10, 30])
      expect((await verify('good.csv', render(exportOf(entries, { size }), 'csv'))).code).toBe(0);
    const steps = [...manySteps(40)].map((step, at) => (at === 20 ? { ...step, reason: 'better' } : step));
    const rewritten = await verify('rewritten.csv', render(exportOf(ledgerOf(steps)), 'csv'));
    expect(rewritten.code).toBe(1);
    expect(rewritten.stdout).toContain('history was rewritten');
    expect(rewritten.stdout).toContain('the change is in entries 11 to 30');
    const old = await verify('old.csv', render(exportOf(entries, { size: 20 }), 'csv'));
    expect(old.code).toBe(1);
    expect(old.stdout).toContain('fewer than the checkpoint of 30 entries');
    expect((await verify('all.csv', render(exportOf(entries), 'csv'))).code).toBe(0);
  });

  test('a stranger’s key, a missing file and no key at all say what to do', async () => {
    const { file, run } = machine();
    const path = file('november.jsonl', render(exportOf(sampleLedger(), { signer: new Signer(8) }), 'jsonl'));
    const forged = await run(['ledger', 'verify', path, '--key', SIGNER.vkey]);
    expect(forged.code).toBe(1);
    expect(forged.stdout).toContain('not signed by a key that you trust');
    expect((await run(['ledger', 'verify', `${path}x`, '--key', SIGNER.vkey])).code).toBe(2);
    const none = await run(['ledger', 'verify', path]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('rushes ledger keys --trust');
  });
});

describe('with a server', () => {
  async function serverOf(size: number, keys: unknown = KEYS): Promise<Awaited<ReturnType<typeof startServer>>> {
    const server = await startServer();
    server.before = ({ path, query }) => {
      if (path === '/.well-known/rushes-ledger-keys') return { body: keys };
      if (path === '/v1/ledger/export') return { body: render(exportOf(entries, { size }), 'csv') };
      const text = (body: string) => ({ body, headers: { 'content-type': 'text/plain' } });
      if (path === '/v1/ledger/checkpoint') return text(checkpoint(entries, { size }));
      if (path !== '/v1/ledger/consistency') return null;
      const hashes = entries.slice(0, Number(query.get('to'))).map((entry) => leafHash(entry));
      const proof = consistencyPath(Number(query.get('from')), hashes);
      return text(proof.map((hash) => `${hash.toString('base64')}\n`).join(''));
    };
    return server;
  }
  const env = { RUSHES_API_KEY: 'rk_test_0000000000000000000000000000000000000000' };

  test('an export pins the keys, says so once, and is verified later without the server', async () => {
    const { file, run } = machine();
    const server = await serverOf(30);
    const path = file('ledger.csv', '');
    const first = await run(['ledger', 'export', '-o', path], { server, env });
    expect(first.code).toBe(0);
    expect(first.stderr).toContain('Trust on first use');
    expect(first.stderr).toContain(SIGNER.vkey);
    expect((await run(['ledger', 'export', '-o', path], { server, env })).stderr).toBe('');
    expect(await run(['ledger', 'verify', path])).toMatchObject({ code: 0, stderr: '' });
  });

  test('--online finds a key that is not pinned, and a ledger that does not begin with the export', async () => {
    const { file, run } = machine();
    const path = file('ledger.csv', render(exportOf(entries, { size: 25 }), 'csv'));
    const online = async (server: { url: string }): Promise<Ended> =>
      run(['ledger', 'verify', path, '--key', SIGNER.vkey, '--online', '--no-keep'], { server, env });
    const agreeing = await online(await serverOf(40));
    expect(agreeing.stdout).toContain('The server confirms it.');
    expect(agreeing.code).toBe(0);
    const rotated = { ...KEYS, keys: [...KEYS.keys, { key: new Signer(9).vkey, status: 'active', created_at: '' }] };
    const unknown = await online(await serverOf(40, rotated));
    expect(unknown.code).toBe(1);
    expect(unknown.stdout).toContain('which is not pinned');
    const back = await online(await serverOf(20));
    expect(back.code).toBe(1);
    expect(back.stdout).toContain('the server lost entries');
  });

  test('ledger keys shows a rotated key, and pins it when told to', async () => {
    const { run } = machine();
    const server = await serverOf(30);
    expect((await run(['ledger', 'keys'], { server, env })).code).toBe(1);
    expect((await run(['ledger', 'keys', '--trust'], { server, env })).code).toBe(0);
    const pinned = await run(['ledger', 'keys', '--json'], { server, env });
    expect(JSON.parse(pinned.stdout)).toMatchObject({
      server_name: SERVER_NAME,
      keys: [{ key: SIGNER.vkey, pinned: true }],
    });
  });
});
