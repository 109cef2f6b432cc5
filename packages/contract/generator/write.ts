/** `npm run generate -w packages/contract`: writes src/index.ts and src/types.ts. */
import { writeFile } from 'node:fs/promises';
import { indexFile, typesFile } from './files.ts';

const SRC = new URL('../src/', import.meta.url);

await writeFile(new URL('index.ts', SRC), indexFile());
await writeFile(new URL('types.ts', SRC), await typesFile());
