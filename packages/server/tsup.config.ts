import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/main.ts'],
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  clean: true,
  // The contract is source only and never published; what it needs beyond the server's own dependencies comes along.
  noExternal: ['@rushes/contract', '@scure/base'],
});
