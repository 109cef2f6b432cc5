import { globSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Options } from 'tsup';

/**
 * Puts the files of src/commands in place of `import.meta.glob`, as vitest does: a new file is a new command. esbuild has
 * no such list of its own.
 */
const commandFiles: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'command-files',
  setup(build) {
    build.onLoad({ filter: /[/\\]command-files\.ts$/ }, async ({ path }) => {
      const { readFile } = await import('node:fs/promises');
      const source = join(path, '..');
      const files = globSync('commands/**/*.ts', { cwd: source }).map((file) => `./${file.replaceAll('\\', '/')}`);
      const entries = files.sort().map((file) => `${JSON.stringify(file)}: () => import(${JSON.stringify(file)})`);
      const text = await readFile(path, 'utf8');
      const contents = text.replace("import.meta.glob('./commands/**/*.ts')", () => `{ ${entries.join(', ')} }`);
      if (contents === text) throw new Error(`${path} does not ask for the files of src/commands any more.`);
      return { contents, loader: 'ts' };
    });
  },
};

export default defineConfig({
  entry: ['src/run.ts'],
  // CommonJS, because oclif is: it loads parts of itself with `require` and `__dirname`, and Node's compile cache covers it.
  format: 'cjs',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  clean: true,
  splitting: false,
  // Names stay, so that a stack can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  // One file starts several times faster than the hundreds that oclif consists of. It asks for a compiler only to run a
  // plugin's sources, which this program does not have.
  noExternal: [/^(?!typescript$)/],
  external: ['typescript'],
  esbuildPlugins: [commandFiles],
});
