/** Part of `npm run check`: fails when anything but `ledger/sql` writes the ledger's tables. */
import path from 'node:path';
import { findBreaches } from './ledger-writes.ts';

const { breaches } = findBreaches(path.resolve(import.meta.dirname, '..'));
if (breaches.length > 0) {
  console.error(
    `Only packages/server/src/ledger/sql may write the ledger's tables. Put the SQL there:\n${breaches.join('\n')}`,
  );
  process.exitCode = 1;
}
