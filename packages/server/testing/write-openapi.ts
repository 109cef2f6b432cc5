/** `npm run openapi -w packages/server`: writes docs/openapi.json. */
import { writeFile } from 'node:fs/promises';
import { openApiSnapshot } from './openapi-snapshot.ts';

await writeFile(new URL('../../../docs/openapi.json', import.meta.url), openApiSnapshot());
