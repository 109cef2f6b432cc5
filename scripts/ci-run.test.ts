/** `.ci/run` against an npm that behaves as told. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

interface NpmTest {
  readonly install?: number;
  readonly test?: number;
  /** Exit codes of the stages that npm test came to. */
  readonly stages?: Readonly<Record<string, number>>;
  readonly report?: object;
  /** What npm install does to the checkout, as a shell command. */
  readonly onInstall?: string;
}

/** A checkout with the script in it and one committed file. */
function checkout(folder: string): string {
  const place = path.join(folder, 'checkout');
  mkdirSync(path.join(place, '.ci'), { recursive: true });
  mkdirSync(path.join(place, 'scripts'));
  for (const file of ['.ci/run', 'scripts/ci-summary.js']) copyFileSync(path.join(root, file), path.join(place, file));
  writeFileSync(path.join(place, 'package.json'), '{"type":"module"}');
  writeFileSync(path.join(place, 'package-lock.json'), '{}');
  const author = ['-c', 'user.name=Tester', '-c', 'user.email=tester@example.com'];
  for (const words of [
    ['init', '-q'],
    ['add', '.'],
    [...author, 'commit', '-qm', 'All of it'],
  ]) {
    expect(spawnSync('git', words, { cwd: place }).status).toBe(0);
  }
  return place;
}

function ci({ install = 0, test = 0, stages, report, onInstall = ':' }: NpmTest): {
  code: number | null;
  lines: string[];
} {
  const folder = mkdtempSync(path.join(tmpdir(), 'rushes-ci-'));
  folders.push(folder);
  const npm = path.join(folder, 'npm');
  const write = (name: string, content: object | undefined): string =>
    content === undefined ? '' : `printf '%s' '${JSON.stringify(content)}' > "$TEST_REPORT_DIR/${name}"`;
  writeFileSync(
    npm,
    `#!/bin/sh
if [ "$1" = install ]; then ${onInstall}; exit ${install}; fi
read -r line && echo "there is input" && exit 1
[ "$CI" = true ] || exit 1
${write('stages.json', stages)}
${write('vitest.json', report)}
exit ${test}
`,
  );
  chmodSync(npm, 0o755);
  const searchPath = [folder, path.dirname(process.execPath), process.env['PATH']].join(path.delimiter);
  const { status, stdout } = spawnSync('bash', [path.join(checkout(folder), '.ci/run')], {
    env: { ...process.env, CI: '', PATH: searchPath },
    encoding: 'utf8',
    input: 'typed by nobody\n',
  });
  return { code: status, lines: stdout.trimEnd().split('\n') };
}

const tests = (...statuses: string[]): object[] => statuses.map((status, at) => ({ status, fullName: `test ${at}` }));
const file = (status: string, ...statuses: string[]): object => ({
  name: 'a.test.ts',
  status,
  message: '',
  assertionResults: tests(...statuses),
});

describe('.ci/run ends with the counts and fails when anything failed', () => {
  it('all well', () => {
    const outcome = ci({
      stages: { build: 0, check: 0, tests: 0 },
      report: { testResults: [file('passed', 'passed', 'passed'), file('passed', 'passed', 'skipped')] },
    });
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.lines.at(-1)).toBe('3 passed, 0 failed');
  });

  const report = { testResults: [file('passed', 'passed')] };
  it.each<[string, NpmTest, string]>([
    [
      'a failed test',
      {
        test: 1,
        stages: { build: 0, check: 0, tests: 1 },
        report: { testResults: [file('failed', 'passed', 'failed')] },
      },
      '1 passed, 1 failed',
    ],
    [
      'a test file that does not load',
      {
        test: 1,
        stages: { build: 0, check: 0, tests: 1 },
        report: { testResults: [file('failed'), file('passed', 'passed')] },
      },
      '1 passed, 1 failed',
    ],
    ['a failed check', { test: 1, stages: { build: 0, check: 1, tests: 0 }, report }, '1 passed, 1 failed'],
    [
      'a failed check and a failed test',
      {
        test: 1,
        stages: { build: 0, check: 1, tests: 1 },
        report: { testResults: [file('failed', 'failed', 'passed')] },
      },
      '1 passed, 2 failed',
    ],
    ['an error outside any test', { test: 1, stages: { build: 0, check: 0, tests: 1 }, report }, '1 passed, 1 failed'],
    [
      'an error outside any test beside a failed check',
      { test: 1, stages: { build: 0, check: 1, tests: 1 }, report },
      '1 passed, 2 failed',
    ],
    ['a failed build', { test: 1, stages: { build: 1 } }, '0 passed, 1 failed'],
    [
      'vitest that crashed without a report',
      { test: 1, stages: { build: 0, check: 0, tests: 1 } },
      '0 passed, 1 failed',
    ],
    ['no report although all seemed well', { stages: { build: 0, check: 0, tests: 0 } }, '0 passed, 1 failed'],
    ['npm test that crashed before the tests', { test: 1 }, '0 passed, 1 failed'],
    ['npm test that did nothing', {}, '0 passed, 1 failed'],
    ['a failed installation', { install: 1 }, '0 passed, 1 failed'],
    [
      'an installation that rewrites the lock file',
      { onInstall: 'echo "{ }" > package-lock.json', stages: { build: 0, check: 0, tests: 0 }, report },
      '1 passed, 1 failed',
    ],
    [
      'an installation that leaves a file behind',
      { onInstall: 'touch left-over', stages: { build: 0, check: 0, tests: 0 }, report },
      '1 passed, 1 failed',
    ],
    [
      'a bad exit code with good reports',
      { test: 137, stages: { build: 0, check: 0, tests: 0 }, report },
      '1 passed, 1 failed',
    ],
  ])('%s', (_, npmTest, last) => {
    const outcome = ci(npmTest);
    expect(outcome.lines.at(-1)).toBe(last);
    expect(outcome.code).not.toBe(0);
  });
});
