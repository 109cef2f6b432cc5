/** Only the ledger's own SQL writes its tables, and no spelling gets around the search. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { findBreaches, ledgerWrites } from './ledger-writes.ts';

const root = path.resolve(import.meta.dirname, '..');

it('only ledger/sql writes the tables of the ledger', () => {
  const { files, breaches } = findBreaches(root);
  expect(breaches).toEqual([]);
  expect(files).toBeGreaterThan(300);
});

describe('a write is seen', () => {
  it.each([
    ['plainly', 'INSERT INTO credit_ledger (account_id) VALUES ($1)', 'credit_ledger'],
    ['in lower case', 'update credit_accounts set available = 0', 'credit_accounts'],
    ['over line breaks', 'DELETE\n  FROM\n  credit_holds\n  WHERE true', 'credit_holds'],
    ['under an alias', 'UPDATE credit_accounts AS c SET available = 0', 'credit_accounts'],
    ['under an alias of its INSERT', 'INSERT INTO credit_ledger AS l SELECT 1', 'credit_ledger'],
    ['with its schema', 'UPDATE public.credit_holds SET state = $1', 'credit_holds'],
    ['in quotes', 'INSERT INTO "credit_ledger" VALUES (1)', 'credit_ledger'],
    ['in quotes with its schema', 'INSERT INTO "public" . "credit_ledger" VALUES (1)', 'credit_ledger'],
    ['in quotes inside a string', String.raw`"UPDATE \"credit_ledger\" SET amount = 1"`, 'credit_ledger'],
    ['behind a comment', 'INSERT INTO /* the books */ credit_ledger VALUES (1)', 'credit_ledger'],
    ['behind a line comment', 'UPDATE -- the balance\ncredit_accounts SET spent = 0', 'credit_accounts'],
    ['over the seam of two strings', "'UPDATE ' +\n  'credit_accounts SET spent = 0'", 'credit_accounts'],
    ['with a line break as it stands in a string', String.raw`'DELETE FROM\ncredit_holds'`, 'credit_holds'],
    ['of the table itself only', 'UPDATE ONLY credit_accounts SET spent = 0', 'credit_accounts'],
    ['of the table itself only, in brackets', 'DELETE FROM ONLY (credit_holds)', 'credit_holds'],
    ['as one of several tables', 'TRUNCATE TABLE tasks, public.credit_ledger CASCADE', 'credit_ledger'],
    ['as a merge', 'MERGE INTO credit_accounts c USING x ON true WHEN MATCHED THEN DELETE', 'credit_accounts'],
    ['as a copy', 'COPY credit_ledger FROM STDIN', 'credit_ledger'],
    ['inside a longer statement', 'WITH a AS (\n  UPDATE credit_holds SET charged = 1\n) SELECT 1', 'credit_holds'],
    ['by a query builder', "await tx('credit_ledger').insert(row)", 'credit_ledger'],
    ['by a query builder that is told the table last', "tx.insert(row).into('public.credit_ledger')", 'credit_ledger'],
    ['by a name from a constant', "const T = 'credit_ledger';\ndb.query(`DELETE FROM ${T}`)", 'credit_ledger'],
  ])('%s', (_, text, table) => {
    expect(ledgerWrites(text).map((write) => write.table)).toEqual([table]);
  });

  it('in the line in which it begins', () => {
    expect(ledgerWrites('const a = 1;\nconst b = `\n  UPDATE\n  credit_holds SET charged = 1`')).toEqual([
      { line: 3, table: 'credit_holds' },
    ]);
  });
});

describe('nothing is seen in', () => {
  it.each([
    ['reading', 'SELECT * FROM credit_ledger JOIN credit_accounts USING (account_id)'],
    ['locking', 'PERFORM 1 FROM credit_accounts ORDER BY account_id FOR NO KEY UPDATE'],
    ['a table with a longer name', 'INSERT INTO credit_ledger_archive VALUES (1)'],
    ['a write of another table that reads one of these', 'INSERT INTO events SELECT 1 FROM credit_accounts'],
    ['a list of names', "const TABLES = ['credit_ledger', 'credit_holds'];"],
  ])('%s', (_, text) => {
    expect(ledgerWrites(text)).toEqual([]);
  });
});

it('a breach in another room is named with its file and line; tests and the ledger itself may write', () => {
  const tree = mkdtempSync(path.join(tmpdir(), 'rushes-ledger-writes-'));
  try {
    const write = 'export const sql = `\nupdate public."credit_accounts" c set spent = 0`;\n';
    for (const file of ['batches/sql/end.ts', 'batches/end.test.ts', 'ledger/sql/end.ts', 'ledger/end.ts']) {
      const full = path.join(tree, 'packages/server/src', file);
      mkdirSync(path.dirname(full), { recursive: true });
      writeFileSync(full, write);
    }
    expect(findBreaches(tree)).toEqual({
      files: 2,
      breaches: [
        'packages/server/src/batches/sql/end.ts:2 writes credit_accounts',
        'packages/server/src/ledger/end.ts:2 writes credit_accounts',
      ],
    });
  } finally {
    rmSync(tree, { recursive: true });
  }
});
