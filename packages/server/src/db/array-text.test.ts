import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { openDatabase, type Database } from './index.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({
    url: database.appUrl,
    applicationName: 'test',
    maxConnections: 1,
    onConnectionError: () => undefined,
  });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

it.each([
  ['text', []],
  ['text', ['a', 'a', null, null, '', ' ', 'NULL', 'null', 'Null', 'nullable', 'a,b', '{a}', '{}', '"', '\\', '\\x41']],
  ['text', ['a"b\\c"d', 'line\nbreak', '\ttab', "it's", 'ünï → 漢字 🎬', '3f2c:1', 'a/b-0.mp4', 'video/mp4']],
  ['uuid', ['019a3c5e-0000-7000-8000-000000000000', null]],
  ['int', [0, -1, 2_147_483_647, null]],
  ['float8', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
  ['float8', [0.1, -1e-7, 1e300]],
  ['boolean', [true, false, null]],
  ['timestamptz', [new Date('2026-11-21T08:00:00.123Z'), null]],
  ['bytea', [Buffer.from([0, 255, 92, 34]), null, Buffer.alloc(0)]],
] as const)('an array of %s comes back as it was sent: %j', async (type, elements) => {
  const [row] = await db.query<{ array: unknown }>(`SELECT $1::${type}[] AS array`, [elements]);
  expect(row?.array).toEqual(elements);
});

it('a part of a larger buffer is sent as that part', async () => {
  const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
  const [row] = await db.query<{ array: unknown }>('SELECT $1::bytea[] AS array', [[part]]);
  expect(row?.array).toEqual([Buffer.from([2, 3])]);
});
