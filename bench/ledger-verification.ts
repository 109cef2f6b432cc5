/**
 * Verifying an export: entries a second and peak memory, each form in a process of its own.
 *
 *   npm run build && node bench/ledger-verification.ts [ENTRIES]
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { verifyLedgerExport } from '@rushes/sdk/ledger';

type Format = 'csv' | 'json' | 'jsonl';

const [first = '1000000', form, file = '', key = ''] = process.argv.slice(2);

async function generate(count: number, folder: string): Promise<Record<Format | 'key', string>> {
  const files = {
    csv: path.join(folder, 'l.csv'),
    json: path.join(folder, 'l.json'),
    jsonl: path.join(folder, 'l.jsonl'),
  };
  // Only here: taking the types off sources costs memory that is not the verifier's.
  const { ACCOUNT_ID, leafHash, ledgerOf, manySteps, SERVER_NAME } =
    await import('../packages/sdk/test/ledger-reference.ts');
  const { COLUMNS, csvLine, SIGNER } = await import('../packages/sdk/test/ledger-export-reference.ts');
  const { TreeStack } = await import('../packages/sdk/src/ledger/merkle.ts');
  const entries = ledgerOf(manySteps(count));
  const tree = new TreeStack();
  for (const entry of entries) {
    const hash = leafHash(entry);
    entry.leaf_hash = hash.toString('base64');
    tree.append(hash);
  }
  const root = Buffer.from(tree.root()).toString('base64');
  const checkpoint = SIGNER.note(`${SERVER_NAME}/ledger/${ACCOUNT_ID}\n${count}\n${root}\n`);
  const range = { first: 1, last: count, left: [], right: [] };
  const header = JSON.stringify({ account_id: ACCOUNT_ID, checkpoint, previous_epochs: [], range });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const rest = ','.repeat(COLUMNS.length - 2);
  const heads = {
    csv: `${COLUMNS.join(',')}\r\n#account,${ACCOUNT_ID}${rest}\r\n#checkpoint,${base64(checkpoint)}${rest}\r\n#previous_epochs,${base64('[]')}${rest}\r\n#range,${base64(JSON.stringify(range))}${rest}\r\n`,
    json: `${header.slice(0, -1)},"entries":[\n`,
    jsonl: `${header}\n`,
  };
  for (const format of ['csv', 'json', 'jsonl'] as const) {
    const out = createWriteStream(files[format]);
    out.write(heads[format]);
    for (const [at, entry] of entries.entries()) {
      const line =
        format === 'csv'
          ? csvLine(entry)
          : `${JSON.stringify(entry)}${format === 'json' && at < count - 1 ? ',' : ''}\n`;
      if (!out.write(line)) await once(out, 'drain');
    }
    out.end(format === 'json' ? ']}\n' : '');
    await once(out, 'finish');
  }
  return { ...files, key: SIGNER.vkey };
}

if (form === undefined) {
  const folder = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
  try {
    const files = await generate(Number(first), folder);
    for (const format of ['csv', 'json', 'jsonl'] as const) {
      const words = [import.meta.filename, first, format, files[format], files.key];
      spawnSync(process.execPath, words, { stdio: 'inherit' });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  const startedMs = performance.now();
  const chunks = createReadStream(file) as AsyncIterable<Uint8Array>;
  const report = await verifyLedgerExport(chunks, { keys: [key] });
  const seconds = (performance.now() - startedMs) / 1_000;
  if (!report.ok) throw new Error(JSON.stringify(report.problems));
  const { user, system } = process.cpuUsage();
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1_024);
  const size = Math.round(statSync(file).size / 1e6);
  console.log(
    `${form.padEnd(5)} ${size} MB: ${first} entries in ${seconds.toFixed(1)} s, ${Math.round(Number(first) / seconds)} a second, ${((user + system) / 1e6).toFixed(1)} s of processor time, peak ${megabytes} MB`,
  );
}
