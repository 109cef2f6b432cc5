/**
 * `npm run generate`: writes what follows from other files: the lists of generated-lists.ts, the contract's index and types,
 * and docs/openapi.json. With `--check` it changes nothing, and fails when a list is not as it would be written; tests hold
 * the other files to what they are made from.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generatedLists } from './generated-lists.ts';
import { environment } from './run-checks.ts';

const root = path.resolve(import.meta.dirname, '..');
const stale = generatedLists(root).filter(({ path: file, text }) => {
  const place = path.join(root, file);
  return !existsSync(place) || readFileSync(place, 'utf8') !== text;
});

if (process.argv.includes('--check')) {
  for (const { path: file } of stale) console.error(`${file} is not as it should be. Run: npm run generate`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const { path: file, text } of stale) {
    writeFileSync(path.join(root, file), text);
    console.log(`wrote ${file}`);
  }
  // The description of the API is made of the contract.
  for (const script of ['packages/contract/generator/write.ts', 'packages/server/testing/write-openapi.ts']) {
    const { status } = spawnSync('node', [script], { cwd: root, env: environment(root), stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
