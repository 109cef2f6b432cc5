/** `npm run generate -w packages/contract`: writes src/index.ts, src/types.ts and the tables of docs/ that follow from the facts. */
import { writeFile } from 'node:fs/promises';
import { PAGES_WITH_TABLES, pageWithTables } from './doc-tables.ts';
import { indexFile, typesFile } from './files.ts';

const SRC = new URL('../src/', import.meta.url);

await writeFile(new URL('index.ts', SRC), indexFile());
await writeFile(new URL('types.ts', SRC), await typesFile());
for (const name of PAGES_WITH_TABLES) {
  const page = new URL(`../../../docs/${name}`, import.meta.url);
  await writeFile(page, await pageWithTables(page));
}
