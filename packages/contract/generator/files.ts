/** The generated files of this package, as they should be. */
import { readdirSync } from 'node:fs';
import { format } from 'prettier';
import { z } from 'zod';
import { wireTypes } from './wire-types.ts';

const SRC = new URL('../src/', import.meta.url);
const HEADER =
  '// Written by `npm run generate -w packages/contract`; change the schemas, not this file.\n/* eslint-disable max-lines */\n';

/** Source files, from src: one per resource, and the facts. What they share is in parts/, which is nobody else's. */
function sources(): string[] {
  return ['', 'facts/'].flatMap((folder) =>
    readdirSync(new URL(folder, SRC))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'index.ts')
      .map((name) => `${folder}${name}`)
      .sort(),
  );
}

/** src/index.ts: everything that the files export. */
export function indexFile(): string {
  return sources()
    .map((name) => `export * from './${name}';\n`)
    .join('');
}

/** src/types.ts: a type for every schema that has an id. */
export async function typesFile(): Promise<string> {
  const modules = await Promise.all(
    sources().map(async (name) => Object.values((await import(new URL(name, SRC).href)) as Record<string, unknown>)),
  );
  const values: readonly unknown[] = modules.flat();
  const schemas = values.filter((value): value is z.ZodType => value instanceof z.ZodType);
  const source = `${HEADER}/** The shapes that cross the wire: JSON, snake_case, UTC ISO 8601 times, integer credits. */\n\n${wireTypes(schemas)}`;
  return format(source, { parser: 'typescript', printWidth: 120, singleQuote: true });
}
