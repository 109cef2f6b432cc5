import { readFileSync, rmSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string };

/** An entry each, so that a program has only its own framework's. */
const RECEIVERS = ['node', 'express', 'koa', 'fastify', 'hono', 'fetch'];

/** Makes the step from the client to the file functions one that the reader of "#files" in package.json decides. */
const filesByCondition: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'files-by-condition',
  setup(build) {
    build.onResolve({ filter: /^\.\.\/node\/index\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: '#files', external: true } : undefined,
    );
  },
};

export default defineConfig((overrides) => {
  // Both formats write here at the same time, so neither may clear it.
  rmSync(overrides.outDir ?? 'dist', { recursive: true, force: true });
  const base: Options = {
    ...overrides,
    entry: {
      index: 'src/index.ts',
      node: 'src/node/index.ts',
      webhooks: 'src/webhooks/index.ts',
      ...Object.fromEntries(RECEIVERS.map((name) => [`webhooks/${name}`, `src/webhooks/receivers/${name}.ts`])),
      ledger: 'src/ledger/index.ts',
      'files-unavailable': 'src/files-unavailable.ts',
    },
    platform: 'neutral',
    target: 'es2022',
    // The error classes must be the same ones in every entry, or instanceof lies.
    splitting: true,
    external: [/^node:/],
    noExternal: [/^@rushes\/contract/],
    define: { __SDK_VERSION__: JSON.stringify(version) },
    esbuildPlugins: [filesByCondition],
  };
  const declarations: Options['dts'] = {
    resolve: [/^@rushes\/contract/],
    // The resolver behind declaration bundling does not read the exports of a package that is only source.
    compilerOptions: { paths: { '@rushes/contract/*': ['../contract/src/*.ts'] } },
  };
  return [
    { ...base, format: 'esm', dts: declarations },
    { ...base, format: 'cjs', dts: declarations },
  ];
});
