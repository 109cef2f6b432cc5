import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { verifyLedgerExport } from '@rushes/sdk/ledger';
import { PAGE, pageWithExamples } from './ledger-examples.ts';

const page = readFileSync(PAGE, 'utf8');

it('docs/ledger-verification.md has the examples that its formats give (node scripts/ledger-examples.ts)', () => {
  expect(page).toBe(pageWithExamples(page));
});

it('the exports on the page are verified with the key on the page', async () => {
  const key = /^rushes\.example\.com\+[0-9a-f]{8}\+\S+$/m.exec(page)?.[0] ?? '';
  const exported = [...page.matchAll(/^```\n((?:\{"account_id"|seq,kind)[\s\S]*?\n)```$/gm)].map(
    (match) => match[1] ?? '',
  );
  expect(exported).toHaveLength(2);
  for (const text of exported) {
    expect(await verifyLedgerExport([text], { keys: [key] })).toMatchObject({ ok: true, problems: [] });
  }
});
