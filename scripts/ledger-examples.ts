/**
 * The worked examples of docs/ledger-verification.md, made by the reference implementation of the tests:
 *
 *   node scripts/ledger-examples.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkpoint, exportOf, render, SIGNER } from '../packages/sdk/test/ledger-export-reference.ts';
import {
  ACCOUNT_ID,
  leaf,
  leafHash,
  type ReferenceEntry,
  sampleLedger,
} from '../packages/sdk/test/ledger-reference.ts';
import { consistencyPath, inclusionPath, root } from '../packages/sdk/test/tree-by-definition.ts';

export const PAGE = path.join(import.meta.dirname, '..', 'docs', 'ledger-verification.md');
const MARK = '<!-- examples: node scripts/ledger-examples.ts -->';
const BYTES_IN_LINE = 16;

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_IN_LINE) {
    const part = Buffer.from(bytes.subarray(at, at + BYTES_IN_LINE));
    const hex = part.toString('hex').replaceAll(/(..)/g, '$1 ').trim();
    const text = part.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(BYTES_IN_LINE * 3 - 1)}  ${text}`);
  }
  return lines.join('\n');
}

const block = (text: string, language = ''): string => `\`\`\`${language}\n${text.replace(/\n$/, '')}\n\`\`\``;
const base64 = (hash: Buffer): string => hash.toString('base64');

/** One entry as the API gives it, with its leaf byte for byte. */
function shownEntry(entry: ReferenceEntry): string {
  return [
    `Entry ${entry.seq}:`,
    block(JSON.stringify(entry, null, 2), 'json'),
    'Its leaf:',
    block(hexDump(leaf(entry))),
    `Its leaf hash: \`${leafHash(entry).toString('hex')}\`, in base64 \`${base64(leafHash(entry))}\`.`,
  ].join('\n\n');
}

function examples(): string {
  const entries = sampleLedger();
  const hashes = entries.map((entry) => leafHash(entry));
  const leaves = [3, 9].flatMap((at) => entries.slice(at, at + 1)).map(shownEntry);
  const bounded = exportOf(entries, { first: 4, last: 5 });
  const proof = [
    'c2sp.org/tlog-proof@v1',
    'index 3',
    ...inclusionPath(3, hashes).map(base64),
    '',
    checkpoint(entries),
  ].join('\n');
  return [
    MARK,
    `A ledger of ${entries.length} entries of account \`${ACCOUNT_ID}\`, with everything that can stand in one. The private key is 32 times the byte 7, so you can sign along. \`null\` and empty text (entry 10) differ.`,
    ...leaves,
    `Leaf hashes of all, in hexadecimal, and the root of the tree at each size:`,
    block(
      hashes
        .map(
          (hash, at) =>
            `${String(at + 1).padStart(2)}  ${hash.toString('hex')}  ${root(hashes.slice(0, at + 1)).toString('hex')}`,
        )
        .join('\n'),
    ),
    'The key:',
    block(SIGNER.vkey),
    'The checkpoint:',
    block(checkpoint(entries)),
    'What is signed, its first three lines:',
    block(hexDump(Buffer.from(checkpoint(entries).replace(/(?<=\n)\n[\s\S]*/, '')))),
    'The proof that entry 4 is in it:',
    block(proof),
    'The proof that the ledger of 11 entries begins with that of 6:',
    block(consistencyPath(6, hashes).map(base64).join('\n')),
    'The whole export as JSON lines:',
    block(render(exportOf(entries), 'jsonl')),
    'Entries 4 and 5 alone, as CSV:',
    block(render(bounded, 'csv').replaceAll('\r\n', '\n')),
    '',
  ].join('\n\n');
}

/** The page with its examples as they are now. */
export function pageWithExamples(page: string): string {
  const [prose = ''] = page.split(MARK);
  return `${prose}${examples().trimEnd()}\n`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(PAGE, pageWithExamples(readFileSync(PAGE, 'utf8')));
