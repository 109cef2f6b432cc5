/** `node scripts/histories.ts [COUNT] [SEED]`: as many random histories of the ledger as one likes, or one seed's again. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const [count = '5000', seed] = process.argv.slice(2);
const root = path.resolve(import.meta.dirname, '..');
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'packages/server/src/batches/ledger-model.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, LEDGER_HISTORIES: count, ...(seed === undefined ? {} : { LEDGER_SEED: seed }) },
});
process.exitCode = status ?? 1;
