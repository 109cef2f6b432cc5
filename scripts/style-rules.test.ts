/** The house rules that a linter can see, each broken once where it holds. */
import path from 'node:path';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
/** Typed rules need a file that belongs to a project; its real text is not read. */
const IN_A_ROOM = path.join(root, 'packages/server/src/upstreams/index.ts');
const IN_HTTP = path.join(root, 'packages/server/src/http/deps.ts');
const IN_A_COMMAND = path.join(root, 'packages/cli/src/commands/credits.ts');
const CLI_FILES = path.join(root, 'packages/cli/src/files/files.ts');
const CLI_MACHINE = path.join(root, 'packages/cli/src/system-context.ts');
const BESIDE_THE_ROOMS = path.join(root, 'packages/server/src/ports.ts');

let eslint: ESLint;
beforeAll(() => {
  eslint = new ESLint({ cwd: root });
});

async function broken(text: string, filePath: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath });
  return result?.messages.map(({ ruleId }) => ruleId) ?? [];
}

const BREACHES: readonly (readonly [name: string, rule: string, text: string])[] = [
  [
    'a truthiness test on a number',
    '@typescript-eslint/strict-boolean-expressions',
    'export const f = (n: number) => (n ? 1 : 2);',
  ],
  [
    'a truthiness test on a string',
    '@typescript-eslint/strict-boolean-expressions',
    'export const f = (s: string) => (s ? 1 : 2);',
  ],
  [
    'a truthiness test on an option',
    '@typescript-eslint/strict-boolean-expressions',
    'export const f = (d: Date | undefined) => (d ? 1 : 2);',
  ],
  [
    'a promise that nobody waits for',
    '@typescript-eslint/no-floating-promises',
    'export function f(p: Promise<void>): void { p; }',
  ],
  [
    'a switch that forgets a case',
    '@typescript-eslint/switch-exhaustiveness-check',
    "export function f(x: 'a' | 'b'): void { switch (x) { case 'a': f('b'); } }",
  ],
  ['any', '@typescript-eslint/no-explicit-any', 'export const f = (x: any): unknown => x;'],
  ['a non-null assertion', '@typescript-eslint/no-non-null-assertion', 'export const f = (x: number | null) => x!;'],
  ['an enum', 'no-restricted-syntax', 'export enum Colour { Red }'],
  ['a loose comparison', 'eqeqeq', 'export const f = (x: number | null) => x == null;'],
  [
    'an import without its extension',
    'no-restricted-imports',
    "import { LIMITS } from '../postgres/limits'; export const f = LIMITS;",
  ],
  ['reading the environment', 'no-restricted-properties', 'export const f = process.env;'],
  ['reading the command line', 'no-restricted-properties', 'export const f = process.argv;'],
  [
    'going around both through the module',
    'no-restricted-imports',
    "import { env } from 'node:process'; export const f = env;",
  ],
];

describe('style rules refuse', () => {
  it.each(BREACHES)('%s', async (_, rule, text) => {
    expect(await broken(text, BESIDE_THE_ROOMS)).toContain(rule);
    expect(await broken(text, IN_A_ROOM)).toContain(rule);
  });

  it.each([
    ['the clock', 'no-restricted-properties', 'export const f = Date.now();'],
    ['the clock by another name', 'no-restricted-syntax', 'export const f = new Date();'],
    ['random numbers', 'no-restricted-properties', 'export const f = Math.random();'],
    ['random ids', 'no-restricted-properties', 'export const f = crypto.randomUUID();'],
    ['the network', 'no-restricted-globals', "export const f = fetch('http://localhost');"],
    ['an enum, still', 'no-restricted-syntax', 'export enum Colour { Red }'],
  ])('in a room: %s', async (_, rule, text) => {
    expect(await broken(text, IN_A_ROOM)).toContain(rule);
  });

  it.each([
    ['a statement', "export const f = (db: { query(sql: string): void }) => { db.query('SELECT 1'); };"],
    ['a transaction', 'export const f = (db: { transaction(): void }) => { db.transaction(); };'],
    ['an enum, still', 'export enum Colour { Red }'],
  ])('in HTTP: %s', async (_, text) => {
    expect(await broken(text, IN_HTTP)).toContain('no-restricted-syntax');
  });

  it.each([
    ['the environment', 'no-restricted-globals', 'export const f = process.env;'],
    ['standard input', 'no-restricted-globals', 'export const f = process.stdin;'],
    ['the process as a module', 'no-restricted-imports', "import { env } from 'node:process'; export const f = env;"],
    ['the home folder', 'no-restricted-imports', "import { homedir } from 'node:os'; export const f = homedir();"],
    ['the clock', 'no-restricted-properties', 'export const f = Date.now();'],
    ['the clock by another name', 'no-restricted-syntax', 'export const f = new Date();'],
    ['the clock that never goes back', 'no-restricted-globals', 'export const f = performance.now();'],
    ['a timer', 'no-restricted-globals', 'export const f = setTimeout(() => undefined, 1);'],
    [
      'a timer as a module',
      'no-restricted-imports',
      "import { setTimeout } from 'node:timers/promises'; export const f = setTimeout(1);",
    ],
    ['random ids', 'no-restricted-globals', 'export const f = crypto.randomUUID();'],
    [
      'random ids as a module',
      'no-restricted-imports',
      "import { randomUUID } from 'node:crypto'; export const f = randomUUID();",
    ],
    ['the network', 'no-restricted-globals', "export const f = fetch('http://localhost');"],
  ])('in a command: %s', async (_, rule, text) => {
    expect(await broken(text, IN_A_COMMAND)).toContain(rule);
    expect(await broken(text, CLI_MACHINE)).not.toContain(rule);
  });

  it('in a command: the file system, which Files alone owns', async () => {
    const text = "import { readFileSync } from 'node:fs'; export const f = readFileSync('x');";
    expect(await broken(text, IN_A_COMMAND)).toContain('no-restricted-imports');
    expect(await broken(text, CLI_FILES)).not.toContain('no-restricted-imports');
  });

  it('nothing in ordinary code', async () => {
    const text =
      'export function count(text: string | null): number {\n  return text === null ? 0 : [...text].length;\n}\n';
    expect(await broken(text, IN_A_ROOM)).toEqual([]);
  });
});
