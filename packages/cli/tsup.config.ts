import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/run.ts'],
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  clean: true,
  splitting: false,
  // One file starts several times faster than the hundreds that oclif consists of.
  noExternal: [/.*/],
  // oclif is CommonJS and loads parts of itself with `require`, which an ES module has to make first.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
