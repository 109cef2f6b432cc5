/**
 * `npm test`: build, check, run the tests. A failed check does not hide the tests' outcome; without a build there is
 * nothing to test. Arguments go to vitest. TEST_REPORT_DIR gets each stage's exit code, for scripts/ci-summary.js.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { environment } from './run-checks.ts';

const root = path.resolve(import.meta.dirname, '..');
const codes: Record<string, number> = {};

function stage(name: string, command: string, args: readonly string[]): boolean {
  console.log(`\n> ${name}`);
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: environment(root),
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error !== undefined) console.error(`could not start ${command}: ${error.message}`);
  codes[name] = status ?? 1;
  const reportDir = process.env['TEST_REPORT_DIR'];
  if (reportDir !== undefined) writeFileSync(path.join(reportDir, 'stages.json'), JSON.stringify(codes));
  return codes[name] === 0;
}

if (stage('build', 'npm', ['run', '--silent', 'build'])) {
  stage('check', 'node', ['scripts/check.ts']);
  stage('tests', 'vitest', ['run', ...process.argv.slice(2)]);
}
const failed = Object.keys(codes).filter((name) => codes[name] !== 0);
if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
