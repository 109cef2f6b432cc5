import { describe, expect, it } from 'vitest';
import { problemsOfLockFile } from './lock-file.ts';

function lockFile(packages: Record<string, object>): string {
  return JSON.stringify({ lockfileVersion: 3, packages: { '': { name: 'rushes' }, ...packages } });
}

describe('the lock file check', () => {
  it('accepts permissive licences, ours, and links between workspaces', () => {
    const text = lockFile({
      'node_modules/a': { version: '1.0.0', license: 'MIT' },
      'node_modules/@b/b': { version: '1.0.0', license: '(BSD-3-Clause OR GPL-2.0)' },
      'node_modules/tool': { version: '1.0.0', license: 'MPL-2.0', dev: true },
      'node_modules/@rushes/sdk': { resolved: 'packages/sdk', link: true },
      'packages/sdk': { version: '0.1.0', license: 'Apache-2.0' },
    });
    expect(problemsOfLockFile(text)).toEqual([]);
  });

  it.each([
    ['a copyleft licence', { license: 'GPL-3.0-only' }],
    ['one of two licences that both apply', { license: 'MIT AND GPL-3.0-only' }],
    ['file-wise copyleft in what we ship', { license: 'MPL-2.0' }],
    ['no licence', {}],
  ])('refuses %s', (_, locked) => {
    const problems = problemsOfLockFile(lockFile({ 'node_modules/a/node_modules/x': { version: '1.0.0', ...locked } }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^x 1\.0\.0 has the licence/);
  });

  it("refuses a registry's address", () => {
    const locked = { version: '1.0.0', license: 'MIT', resolved: 'https://registry.example/x.tgz' };
    expect(problemsOfLockFile(lockFile({ 'node_modules/x': locked }))).toHaveLength(1);
  });
});
