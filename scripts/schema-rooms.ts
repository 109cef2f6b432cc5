/**
 * Writes `packages/server/src/schema/rooms.ts`: the list of rooms that have tables or functions, which is every room with a
 * file `sql/index.ts`. With `--check` it only says whether the file is as it would write it.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const SOURCE = path.resolve(import.meta.dirname, '../packages/server/src');
const LIST = path.join(SOURCE, 'schema/rooms.ts');

const rooms = readdirSync(SOURCE)
  .filter((room) => existsSync(path.join(SOURCE, room, 'sql/index.ts')))
  .toSorted();
/** `data-room` is `dataRoom` in code. */
const nameOf = (room: string): string => room.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
const text = `// Generated from the rooms that have a folder \`sql\`: node scripts/schema-rooms.ts
import type { RoomSchema } from '../db/index.ts';
${rooms.map((room) => `import { schema as ${nameOf(room)} } from '../${room}/sql/index.ts';`).join('\n')}

export const ROOMS: readonly RoomSchema[] = [
${rooms.map((room) => `  ${nameOf(room)},`).join('\n')}
];
`;

if (!process.argv.includes('--check')) writeFileSync(LIST, text);
else if (!existsSync(LIST) || readFileSync(LIST, 'utf8') !== text) {
  console.error(
    'packages/server/src/schema/rooms.ts does not list the rooms as they are. Run: node scripts/schema-rooms.ts',
  );
  process.exitCode = 1;
}
