/** The Python verifier against the SDK's, on the same files: they must agree, and on real exports with the server down. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Rushes } from '@rushes/sdk';
import { verifyLedgerExport } from '@rushes/sdk/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpoint, exportOf, FORMATS, render, SIGNER } from '../packages/sdk/test/ledger-export-reference.ts';
import {
  ledgerOf,
  manySteps,
  type ReferenceEntry,
  sampleLedger,
  Signer,
} from '../packages/sdk/test/ledger-reference.ts';
import { CLI_BIN, exitCode, operate, ROOT, startServer, type LocalAccount } from '../scripts/local-server.ts';

const PROGRAM = path.join(ROOT, 'examples', 'verify_ledger.py');
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('python3 is not on this machine: the Python verifier is not tested here.');

interface Run {
  readonly code: number | null;
  readonly out: string;
}

async function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Run> {
  const child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  return { code: await exitCode(child), out };
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rushes-verify-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(text: string): string {
  files += 1;
  const name = path.join(folder, `file-${files}`);
  writeFileSync(name, text);
  return name;
}

describe.skipIf(!hasPython)('verify_ledger.py', { timeout: 120_000 }, () => {
  const python = (...words: string[]): Promise<Run> => run('python3', [PROGRAM, ...words, '--key', SIGNER.vkey]);

  /** What both say of a file; they must say the same. */
  async function judge(text: string, previous: readonly string[] = []): Promise<Run> {
    const report = await verifyLedgerExport([text], { keys: [SIGNER.vkey], previousCheckpoint: previous });
    const result = await python(file(text), ...previous.flatMap((note) => ['--previous', file(note)]));
    expect(result.code, `${result.out} ${JSON.stringify(report.problems)}`).toBe(report.ok ? 0 : 1);
    const seq = report.problems[0]?.seq ?? null;
    if (seq !== null && report.problems[0]?.range === null) expect(result.out).toContain(`entry ${seq}`);
    return result;
  }

  it.each(FORMATS)('finds genuine %s right, whole and bounded', async (format) => {
    const right = await judge(render(exportOf(sampleLedger()), format));
    expect(right.out).toContain('RIGHT: entries 1 to 11');
    expect(right.out).toContain('available 199153, reserved 599, spent 648');
    const entries = ledgerOf(manySteps(37));
    for (const [first, last] of [
      [13, 30],
      [37, 37],
      [38, 37],
    ] as const) {
      expect((await judge(render(exportOf(entries, { first, last }), format))).code).toBe(0);
    }
  });

  const edits: [string, (entries: ReferenceEntry[]) => unknown][] = [
    ['an amount', (entries) => (entries[3]!.amount = 94)],
    ['a reason', (entries) => (entries[7]!.reason = 'Storung')],
    ['null for empty', (entries) => (entries[9]!.reason = null)],
    ['a time', (entries) => (entries[5]!.created_at = '2026-11-01T08:00:06.000124Z')],
    ['a task', (entries) => (entries[5]!.task_index = 3)],
    ['a bucket', (entries) => (entries[5]!.to = 'available')],
    ['dropped', (entries) => entries.splice(4, 1)],
    ['swapped', (entries) => entries.splice(4, 2, entries[5]!, entries[4]!)],
    ['repeated', (entries) => entries.splice(4, 0, entries[4]!)],
    ['cut', (entries) => entries.splice(9)],
    [
      'without leaf hashes, a reference',
      (entries) => {
        for (const entry of entries) delete entry.leaf_hash;
        entries[10]!.reference = 'INV-2026-0002';
      },
    ],
  ];
  it.each(edits)('an edited file: %s', async (_, edit) => {
    const edited = exportOf(sampleLedger());
    edit(edited.entries);
    for (const format of FORMATS) expect((await judge(render(edited, format))).code).toBe(1);
  });

  it('names the entry when the last character of any of its financial fields is another one', async () => {
    const fields = ['amount', 'available_after', 'reserved_after', 'spent_after', 'seq', 'kind', 'from', 'to'] as const;
    const others = ['batch_id', 'task_index', 'reverses_seq', 'reason', 'reference', 'created_at'] as const;
    for (const [at, field] of [...fields, ...others].entries()) {
      const edited = exportOf(sampleLedger());
      const entry = edited.entries.find((each) => each.seq > 2 && each[field] !== null)!;
      const value = entry[field]!;
      const text = String(value);
      const last = text.at(-1) === '7' ? '6' : '7';
      const other = `${text.slice(0, -1)}${last}`;
      Object.assign(entry, { [field]: typeof value === 'number' ? Number(other) : other });
      expect((await judge(render(edited, FORMATS[at % 3]!))).code, field).toBe(1);
    }
  });

  it('checks signatures and earlier checkpoints', async () => {
    const entries = ledgerOf(manySteps(40));
    const text = render(exportOf(entries), 'csv');
    expect((await judge(render(exportOf(entries, { signer: new Signer(8) }), 'csv'))).out).toContain(
      'not signed by a key',
    );
    const note = checkpoint(entries);
    const flipped = note.replace(
      /(.{12})(.)(=*\n)$/u,
      (_, head: string, last: string, end: string) => `${head}${last === 'A' ? 'Q' : 'A'}${end}`,
    );
    const forged = exportOf(entries);
    forged.header['checkpoint'] = flipped;
    expect((await judge(render(forged, 'jsonl'))).code).toBe(1);
    expect((await judge(text, [checkpoint(entries, { size: 10 }), checkpoint(entries, { size: 30 })])).code).toBe(0);
    const rewritten = ledgerOf(
      [...manySteps(40)].map((step, at) => (at === 20 ? { ...step, reason: 'better' } : step)),
    );
    const found = await judge(render(exportOf(rewritten), 'jsonl'), [
      checkpoint(entries, { size: 10 }),
      checkpoint(entries, { size: 30 }),
    ]);
    expect(found.out).toContain('history was rewritten: entries 11 to 30');
    expect(
      (await judge(render(exportOf(entries, { size: 20 }), 'json'), [checkpoint(entries, { size: 30 })])).out,
    ).toContain('rolled back');
  });

  it('follows a new epoch', async () => {
    const entries = ledgerOf(manySteps(40));
    const restored = entries.slice(0, 30);
    const end = {
      epoch: 1,
      last_checkpoint: checkpoint(entries),
      first_checkpoint: checkpoint(restored, { epoch: 2 }),
      reason: 'restored',
      opened_at: '2026-12-01T00:00:00.000000Z',
    };
    expect((await judge(render(exportOf(restored, { epoch: 2, previousEpochs: [end] }), 'csv'))).code).toBe(0);
    expect((await judge(render(exportOf(restored, { epoch: 2 }), 'csv'))).code).toBe(1);
  });
});

describe('a real ledger', { timeout: 120_000 }, () => {
  it('is exported, and verified by the command line and by Python with the server down', async () => {
    const settings = { RUSHES_LOG_LEVEL: 'error', RUSHES_SIMULATOR_LATENCY_MS: '20-80', RUSHES_UNKNOWN_WAIT_MS: '500' };
    const data = path.join(folder, 'data');
    const server = await startServer(data, 0, settings);
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      XDG_CONFIG_HOME: path.join(folder, '.config'),
      NO_COLOR: '1',
      RUSHES_BASE_URL: server.url,
    };
    const exports = FORMATS.map((format) => path.join(folder, `ledger.${format}`));
    const keysFile = path.join(folder, 'keys.json');
    let cli = (...words: string[]): Promise<Run> => run(process.execPath, [CLI_BIN, ...words], env);
    try {
      const flags = ['--name', 'Finance', '--plan', 'growth', '--mode', 'test', '--credits', '10000', '--json'];
      const account = JSON.parse(await operate(['account', 'create', ...flags], data, settings)) as LocalAccount;
      const withKey = { ...env, RUSHES_API_KEY: account.api_key };
      cli = (...words) => run(process.execPath, [CLI_BIN, ...words], withKey);
      const rushes = new Rushes({ apiKey: account.api_key, baseUrl: server.url });
      const items = Array.from({ length: 20 }, (_, at) => ({ prompt: `a kite over dunes, take ${at}` }));
      await rushes.batches.wait((await rushes.batches.create({ model: 'sora-2', items })).id);
      // The grant, the reserve and 20 resolutions; they are sealed within a second of the last.
      await expect.poll(async () => (await rushes.ledger.checkpoint()).split('\n')[1], { timeout: 30_000 }).toBe('22');
      for (const [at, format] of FORMATS.entries()) {
        expect(await cli('ledger', 'export', '--format', format, '-o', exports[at]!)).toMatchObject({ code: 0 });
      }
      writeFileSync(keysFile, JSON.stringify(await rushes.ledger.keys()));
      expect((await cli('ledger', 'verify', exports[0]!, '--online')).out).toContain('The server confirms it.');
    } finally {
      await server.stop();
    }
    for (const each of exports) {
      const offline = await run(process.execPath, [CLI_BIN, 'ledger', 'verify', each], env);
      expect(offline).toMatchObject({ code: 0 });
      expect(offline.out).toContain('Right. Entries 1 to 22');
      if (!hasPython) continue;
      const second = await run('python3', [PROGRAM, each, '--keys', keysFile]);
      expect(second).toMatchObject({ code: 0 });
      expect(second.out).toContain('RIGHT: entries 1 to 22');
      const text = readFileSync(each, 'utf8').replace(/charge(.*?)49/, 'charge$194');
      writeFileSync(each, text);
      expect((await run(process.execPath, [CLI_BIN, 'ledger', 'verify', each], env)).code).toBe(1);
      expect((await run('python3', [PROGRAM, each, '--keys', keysFile])).code).toBe(1);
    }
  });
});
