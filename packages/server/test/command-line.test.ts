import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, helpOf, loadCommand, overviewOf } from '../src/commands/index.ts';

const SOURCES = path.resolve(import.meta.dirname, '../src');
/** Prints the address of every module of a file, as Node resolves it. */
const HOOK = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (found.url.startsWith('file:')) process.stderr.write('loaded ' + found.url + '\\n');
      return found;
    },
  });
`)}`;

function modulesLoadedBy(words: readonly string[]): readonly string[] {
  const main = path.join(SOURCES, 'main.ts');
  const { stderr, status } = spawnSync(process.execPath, ['--import', HOOK, main, ...words], { encoding: 'utf8' });
  expect(status).toBe(0);
  return [...stderr.matchAll(/^loaded file:\/\/(.*)$/gm)].map(([, file]) => decodeURIComponent(file ?? ''));
}

describe('the command line of the server', () => {
  it.each([['--help'], ['--version']])('answers %s without loading what a command needs', (word) => {
    const loaded = modulesLoadedBy([word]).map((file) => path.relative(SOURCES, file));
    expect(loaded).toContain('main.ts');
    expect(loaded.filter((file) => !/^(main\.ts|(commands|outcome)\/.*|\.\.\/package\.json)$/.test(file))).toEqual([]);
    expect(loaded.filter((file) => /-commands?\.ts$/.test(file))).toEqual([]);
  });

  it.each([60, 80, 160])('explains itself within %i columns, with every word', async (columns) => {
    const stop = (): AbortSignal => new AbortController().signal;
    const commands = await Promise.all(CATALOGUE.map((entry) => loadCommand(entry, {}, stop)));
    for (const text of [overviewOf(CATALOGUE, columns), ...commands.map((command) => helpOf(command, columns))]) {
      expect(text.split('\n').filter((line) => line.length > columns && / \S+ \S/.test(line))).toEqual([]);
    }
    const words = (text: string): string => text.replaceAll(/\s+/g, ' ');
    for (const { summary } of CATALOGUE) expect(words(overviewOf(CATALOGUE, columns))).toContain(summary);
  });

  it('has a module behind every command, and lists every command of a module', async () => {
    const stop = (): AbortSignal => new AbortController().signal;
    const listed = CATALOGUE.map(({ name }) => name).sort();
    for (const entry of CATALOGUE) {
      const command = await loadCommand(entry, {}, stop);
      expect(command).toMatchObject({ name: entry.name, summary: entry.summary });
    }
    const bodies = await Promise.all(CATALOGUE.map(({ load }) => load({}, stop)));
    expect([...new Set(bodies.flatMap((body) => Object.keys(body)))].sort()).toEqual(listed);
  });
});
