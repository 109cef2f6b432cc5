/** Five usual changes, made in a copy of the repository: each is whole with the files that docs/ARCHITECTURE.md names. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANGES, make } from './cost-of-change.ts';
import { environment } from './run-checks.ts';

const root = path.resolve(import.meta.dirname, '..');
/** Written by commands from what was touched by hand. */
const GENERATED = [
  'docs/api.md',
  'docs/openapi.json',
  'docs/webhooks.md',
  'packages/contract/src/index.ts',
  'packages/contract/src/types.ts',
  'packages/sdk/src/resources/index.ts',
  'packages/server/schema.sql',
  'packages/server/src/http/routes/index.ts',
  'packages/server/src/schema/rooms.ts',
];
/** Rules, types and tests of the whole copy take this long on a machine that does much else. */
const STEP_TIMEOUT_MS = 600_000;

let copy: string;
const touched = new Map<string, readonly string[]>();

function inCopy(command: string, args: readonly string[]): { code: number | null; output: string } {
  const { VITEST: _, VITEST_WORKER_ID: __, VITEST_POOL_ID: ___, TEST_REPORT_DIR: ____, ...env } = environment(copy);
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy, env, encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}

function expectSuccess(command: string, ...args: readonly string[]): void {
  const { code, output } = inCopy(command, args);
  expect(code === 0 ? '' : `${command} ${args.join(' ')}\n${output.slice(-6_000)}`).toBe('');
}

/** The packages of ours are those of the copy; everybody else's are the installed ones. */
function linkPackages(): void {
  const installed = path.join(root, 'node_modules');
  const links = path.join(copy, 'node_modules');
  mkdirSync(path.join(links, '@rushes'), { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name !== '@rushes' && name !== '.cache') symlinkSync(path.join(installed, name), path.join(links, name));
  }
  for (const name of readdirSync(path.join(copy, 'packages'))) {
    symlinkSync(path.join(copy, 'packages', name), path.join(links, '@rushes', name));
  }
}

beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'rushes-cost-'));
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' });
  for (const file of files.split('\0').filter((name) => name !== '')) {
    cpSync(path.join(root, file), path.join(copy, file), { force: true });
  }
  linkPackages();
  const author = ['-c', 'user.name=Tester', '-c', 'user.email=tester@example.com'];
  for (const words of [
    ['init', '-q'],
    ['add', '-A'],
    [...author, 'commit', '-qm', 'Before'],
  ]) {
    expect(spawnSync('git', words, { cwd: copy }).status).toBe(0);
  }
  for (const change of CHANGES) touched.set(change.name, make(change, copy));
}, STEP_TIMEOUT_MS);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('each of five usual changes', () => {
  it.each(CHANGES)('$name touches only the files that it may', ({ name, allowed }) => {
    const files = touched.get(name) ?? [];
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(allowed.filter((pattern) => !files.some((file) => pattern.test(file)))).toEqual([]);
  });
});

describe('with nothing else touched by hand', { timeout: STEP_TIMEOUT_MS }, () => {
  it('what is generated is generated, and no other file changes', () => {
    expectSuccess('node', 'scripts/generate.ts');
    expectSuccess('vitest', 'run', 'packages/server/src/schema/migrate.test.ts', '--update');
    const changed = execFileSync('git', ['status', '--porcelain', '-uall', '--no-renames'], {
      cwd: copy,
      encoding: 'utf8',
    })
      .split('\n')
      .map((line) => line.slice(3))
      .filter((file) => file !== '');
    const byHand = new Set([...touched.values()].flat());
    expect(changed.filter((file) => !byHand.has(file)).sort()).toEqual(GENERATED);
  });

  it('the packages build, and their types hold', () => {
    for (const name of ['sdk', 'cli', 'server'])
      expectSuccess('npm', 'run', '--silent', 'build', '-w', `packages/${name}`);
    for (const name of ['contract', 'sdk', 'cli', 'server']) expectSuccess('tsc', '-p', `packages/${name}`);
  });

  it('the checks pass', () => {
    const byHand = [...new Set([...touched.values()].flat())];
    expectSuccess('eslint', '--max-warnings=0', ...byHand.filter((file) => file.endsWith('.ts')));
    expectSuccess('depcruise', '--config', '.dependency-cruiser.mjs', 'packages', 'examples', 'scripts');
    expectSuccess('knip', '--no-progress');
    expectSuccess('node', 'scripts/check-ledger-writes.ts');
    expectSuccess('node', 'scripts/generate.ts', '--check');
  });

  it('the tests concerned pass', () => {
    expectSuccess(
      'vitest',
      'run',
      ...['packages/contract', 'packages/sdk/src/resources', 'packages/sdk/src/webhooks', 'packages/cli/test/help'],
      ...['packages/cli/test/webhook', 'packages/server/src/notes', 'packages/server/src/http/notes'],
      ...['packages/server/src/http/openapi', 'packages/server/src/http/account', 'packages/server/src/http/batches'],
      ...['packages/server/src/upstreams/kinora', 'packages/server/src/config', 'packages/server/src/routes'],
      ...['packages/server/src/batches/submission', 'packages/server/src/schema', 'packages/server/src/accounts'],
    );
  });

  it('a command of the new resource is there, and a value of the new parameter is read', () => {
    expect(inCopy('node', ['packages/cli/bin/rushes.js', 'notes', '--help']).output).toContain('List notes');
    const program = `
      import { parseSubmission } from './packages/server/src/batches/index.ts';
      const items = Array.from({ length: 10 }, () => ({ prompt: 'p', params: { grain: 7 } }));
      const body = Buffer.from(JSON.stringify({ model: 'sora-2', items, request_id: 'r' }));
      const read = parseSubmission({ contentType: 'application/json', body, query: new Map() }, 'create');
      console.log(read.ok && read.value.items.every((item) => item.params.grain === 7));
    `;
    expect(inCopy('node', ['--input-type=module', '-e', program]).output).toContain('true');
  });
});
