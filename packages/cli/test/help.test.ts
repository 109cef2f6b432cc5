import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rushes } from './rushes.ts';

const COMMANDS = join(import.meta.dirname, '..', 'src', 'commands');

/** The words of every command, as the files say them. */
const WORDS = readdirSync(COMMANDS, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('topic.ts'))
  .map((file) =>
    file
      .replaceAll('\\', '/')
      .replace(/(\/index)?\.ts$/, '')
      .split('/'),
  );

test('every file below src/commands is a command with a summary, an example and a place in the help', async () => {
  expect(WORDS.length).toBeGreaterThan(30);
  for (const words of WORDS) {
    const { code, stdout } = await rushes([...words, '--help']);
    expect(code, words.join(' ')).toBe(0);
    expect(stdout).toContain(`$ rushes ${words.join(' ')}`);
    expect(stdout).toContain('EXAMPLES');
    const page = (await rushes([...words.slice(0, -1), '--help'])).stdout;
    expect(page, words.join(' ')).toContain(`  ${words.join(' ')} `);
  }
});

test('every topic has a description: its own, or else the names of its commands', async () => {
  const topics = new Set(WORDS.filter(({ length }) => length > 1).map((words) => words.slice(0, -1).join(' ')));
  expect(topics).toContain('webhooks endpoints');
  for (const topic of topics) {
    const file = join(COMMANDS, topic.replaceAll(' ', '/'), 'topic.ts');
    const own = existsSync(file) ? /'(.*)'/.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
    const page = (await rushes([...topic.split(' ').slice(0, -1), '--help'])).stdout.replaceAll(/\s+/g, ' ');
    expect(page).toContain(`${topic} ${own ?? 'Commands: '}`);
  }
});

test('--help after the words and after further ones is the same page as help before them', async () => {
  const page = (await rushes(['help', 'ledger', 'export'])).stdout;
  expect((await rushes(['ledger', 'export', '--help'])).stdout).toBe(page);
  expect((await rushes(['ledger', 'export', '-o', 'x', '-h'])).stdout).toBe(page);
  expect((await rushes([])).stdout).toBe((await rushes(['--help'])).stdout);
});
