/**
 * Only `ledger/sql` writes the ledger's tables. The text of every other source file is searched for SQL that would do it,
 * however it is spelled. SQL that puts a table's name together while it runs (`EXECUTE format(...)`) cannot be seen here;
 * the application's role has no right to run it.
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const OWNER = 'packages/server/src/ledger/sql/';
/** Tests break the ledger on purpose, and so does the simulation, which is not shipped. */
const TEST_CODE = /\.test\.ts$|^packages\/simulation\//;

/** What may stand between two words of SQL: spaces, comments, and the seam of two strings of TypeScript. */
const GAP = String.raw`(?:\s|\\[nrt]|--[^\n]*\n|/\*[\s\S]*?\*/|['"\x60]\s*\+\s*['"\x60])`;
const QUOTE = String.raw`(?:\\?")?`;
const LEDGER_TABLE = 'credit_(?:ledger|accounts|holds)';
const TARGET = `(?:${QUOTE}public${QUOTE}${GAP}*\\.${GAP}*)?${QUOTE}(?<table>${LEDGER_TABLE})\\b`;
const ONLY = `(?:ONLY${GAP}*\\(?${GAP}+|ONLY${GAP}*\\(${GAP}*)?`;
/** Up to the name of the table. */
const WRITE = [
  `INSERT${GAP}+INTO${GAP}+`,
  `MERGE${GAP}+INTO${GAP}+${ONLY}`,
  `UPDATE${GAP}+${ONLY}`,
  `DELETE${GAP}+FROM${GAP}+${ONLY}`,
  `COPY${GAP}+`,
  // Several tables may stand in front.
  `TRUNCATE${GAP}+[^;]{0,400}?`,
].join('|');

const WRITES = new RegExp(`\\b(?:${WRITE})${QUOTE}${TARGET}`, 'gi');
/** `knex('credit_ledger')`, `.into('public.credit_ledger')`. */
const BUILDERS = new RegExp(`\\(\\s*['"\\x60](?:public\\.)?(?<table>${LEDGER_TABLE})['"\\x60]\\s*[,)]`, 'gi');
/** A table's name from elsewhere, in a file that has the name of a ledger table as a text of its own. */
const NAMES = new RegExp(`['"\\x60](?:public\\.)?(?<table>${LEDGER_TABLE})['"\\x60]`, 'i');
const INTERPOLATED = new RegExp(`\\b(?:${WRITE})${QUOTE}(?:public\\.)?\\$\\{`, 'gi');

export interface LedgerWrite {
  /** From 1. */
  readonly line: number;
  readonly table: string;
}

/** Every place in a source text that writes a table of the ledger. */
export function ledgerWrites(text: string): LedgerWrite[] {
  const found = [...text.matchAll(WRITES), ...text.matchAll(BUILDERS)].map((match) => ({
    line: lineOf(text, match.index),
    table: (match.groups?.['table'] ?? '').toLowerCase(),
  }));
  const named = NAMES.exec(text)?.groups?.['table'];
  if (named !== undefined) {
    for (const match of text.matchAll(INTERPOLATED)) {
      found.push({ line: lineOf(text, match.index), table: named.toLowerCase() });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** `path:line writes table` for every breach in the packages below `root`, and how many files were read. */
export function findBreaches(root: string): { readonly files: number; readonly breaches: readonly string[] } {
  const files = globSync('packages/*/{src,bin}/**/*.{ts,js,mjs,sql}', { cwd: root })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => !file.startsWith(OWNER) && !TEST_CODE.test(file))
    .toSorted();
  const breaches = files.flatMap((file) =>
    ledgerWrites(readFileSync(path.join(root, file), 'utf8')).map(
      ({ line, table }) => `${file}:${String(line)} writes ${table}`,
    ),
  );
  return { files: files.length, breaches };
}
