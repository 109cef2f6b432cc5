/** `.ci/run` against an npm that behaves as told. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

const run = path.resolve(import.meta.dirname, '../.ci/run');
const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

interface NpmTest {
  readonly install?: number;
  readonly test?: number;
  /** Exit codes of the stages that npm test came to. */
  readonly stages?: Readonly<Record<string, number>>;
  readonly report?: object;
}

function ci({ install = 0, test = 0, stages, report }: NpmTest): { code: number | null; lines: string[] } {
  const folder = mkdtempSync(path.join(tmpdir(), 'rushes-ci-'));
  folders.push(folder);
  const npm = path.join(folder, 'npm');
  const write = (name: string, content: object | undefined): string =>
    content === undefined ? '' : `printf '%s' '${JSON.stringify(content)}' > "$TEST_REPORT_DIR/${name}"`;
  writeFileSync(
    npm,
    `#!/bin/sh
if [ "$1" = install ]; then exit ${install}; fi
read -r line && echo "there is input" && exit 1
[ "$CI" = true ] || exit 1
${write('stages.json', stages)}
${write('vitest.json', report)}
exit ${test}
`,
  );
  chmodSync(npm, 0o755);
  const searchPath = [folder, path.dirname(process.execPath), process.env['PATH']].join(path.delimiter);
  const { status, stdout } = spawnSync('bash', [run], {
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
