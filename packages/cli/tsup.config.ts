import { defineConfig } from 'tsup';

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
});
