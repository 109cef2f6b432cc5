/**
 * node scripts/ci-summary.js REPORT_DIR EXIT_CODE
 * Ends the log of `.ci/run` with `N passed, N failed`, from what `npm test` left in REPORT_DIR and from its exit code.
 * Plain JavaScript: it must also run when the installation failed and only the host's Node is there.
 * Whatever went wrong counts as at least one failure; missing reports are never read as success.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const [reportDir = '', exitCode = '1'] = process.argv.slice(2);

/** @param {string} name */
function read(name) {
  try {
    return JSON.parse(readFileSync(path.join(reportDir, name), 'utf8'));
  } catch {
    return null;
  }
}

const stages = read('stages.json') ?? {};
const report = read('vitest.json');
let passed = 0;
/** @type {string[]} */
const failures = [];

for (const file of report?.testResults ?? []) {
  const failed = file.assertionResults.filter((/** @type {{status: string}} */ test) => test.status === 'failed');
  passed += file.assertionResults.filter((/** @type {{status: string}} */ test) => test.status === 'passed').length;
  failures.push(...failed.map((/** @type {{fullName: string}} */ test) => `${file.name}: ${test.fullName}`));
  // A file that could not be loaded, or whose set-up failed, has no failed test to show for it.
  if (file.status === 'failed' && failed.length === 0) failures.push(`${file.name}: ${file.message}`);
}
for (const name of ['build', 'check']) if ((stages[name] ?? 0) !== 0) failures.push(`npm run ${name}`);
if (report === null && stages.tests !== undefined) failures.push('vitest ended without a report');
else if ((stages.tests ?? 0) !== 0 && !failures.some((failure) => !failure.startsWith('npm run ')))
  failures.push('vitest failed outside any test');
if (existsSync(path.join(reportDir, 'changed-files'))) failures.push('npm install or npm test changed the checkout');
if (failures.length === 0 && (exitCode !== '0' || stages.tests !== 0)) failures.push('npm install or npm test');

if (failures.length > 0)
  console.log(`\nFailed:\n${failures.map((failure) => `  ${failure.split('\n')[0]}`).join('\n')}`);
console.log(`\n${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
