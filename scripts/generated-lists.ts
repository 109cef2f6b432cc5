/**
 * Lists that follow from which files there are: nobody writes them by hand, so that a new file is found by being there.
 * `npm run generate` writes them, and `npm run check` fails while one is not as it would be written.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const NOTE = 'Written by `npm run generate` from the files that are there.';

/** Names of the TypeScript files of a folder without `.ts`: no tests, and not its index. */
function modulesIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'index.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

/** `webhook-endpoints` as a name in code: `webhookEndpoints`. */
function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function pascalCase(name: string): string {
  return camelCase(`-${name}`);
}

/** The rooms of the server that have tables or functions: those with a file `sql/index.ts`. */
function schemaRooms(root: string): GeneratedFile {
  const source = 'packages/server/src';
  const rooms = readdirSync(path.join(root, source))
    .filter((room) => existsSync(path.join(root, source, room, 'sql/index.ts')))
    .toSorted();
  const imports = rooms.map((room) => `import { schema as ${camelCase(room)} } from '../${room}/sql/index.ts';`);
  const text = `// ${NOTE}
import type { RoomSchema } from '../db/index.ts';
${imports.join('\n')}

export const ROOMS: readonly RoomSchema[] = [
${rooms.map((room) => `  ${camelCase(room)},`).join('\n')}
];
`;
  return { path: `${source}/schema/rooms.ts`, text };
}

/** The files of the HTTP API, each with the routes of one resource. */
function httpRoutes(root: string): GeneratedFile {
  const source = 'packages/server/src/http/routes';
  const files = modulesIn(path.join(root, source));
  const text = `// ${NOTE}
import type { RoutesOf } from '../route.ts';
${files.map((name) => `import { routes as ${camelCase(name)} } from './${name}.ts';`).join('\n')}

export const ROUTE_FILES: readonly RoutesOf[] = [
${files.map((name) => `  ${camelCase(name)},`).join('\n')}
];
`;
  return { path: `${source}/index.ts`, text };
}

/** The resources of the SDK's client: the file `api-keys.ts` has the class `ApiKeysResource` and becomes `apiKeys`. */
function sdkResources(root: string): GeneratedFile {
  const source = 'packages/sdk/src/resources';
  const files = modulesIn(path.join(root, source));
  const text = `// ${NOTE}
import type { Transport } from '../transport/transport.ts';
${files.map((name) => `import { ${pascalCase(name)}Resource } from './${name}.ts';`).join('\n')}

${files.map((name) => `export * from './${name}.ts';`).join('\n')}

/** The resources of a client. */
export class Resources {
${files.map((name) => `  readonly ${camelCase(name)}: ${pascalCase(name)}Resource;`).join('\n')}

  constructor(transport: Transport) {
${files.map((name) => `    this.${camelCase(name)} = new ${pascalCase(name)}Resource(transport);`).join('\n')}
  }
}
`;
  return { path: `${source}/index.ts`, text };
}

/** Every list, as it has to be for the files below `root`. */
export function generatedLists(root: string): readonly GeneratedFile[] {
  return [schemaRooms(root), httpRoutes(root), sdkResources(root)];
}
