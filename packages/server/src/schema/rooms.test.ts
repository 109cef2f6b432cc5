/** What the rooms say of their part of the database is what is in it, and what comes later can be added. */
import { planLimits } from '@rushes/contract';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { migrate, openDatabase, type Database, type RoomSchema } from '../db/index.ts';
import { ROOMS } from './rooms.ts';

let database: TestDatabase;
let admin: Database;
let app: Database;

function open(url: string): Database {
  return openDatabase({ url, applicationName: 'test', maxConnections: 4, onConnectionError: () => undefined });
}

beforeAll(async () => {
  database = await createTestDatabase();
  [admin, app] = [open(database.adminUrl), open(database.appUrl)];
});
afterAll(async () => {
  await admin.close();
  await app.close();
  await database.drop();
});

/** Objects of the schema with what stands there to explain them; the migration runner's own are left out. */
async function inDatabase(catalogue: string): Promise<Map<string, string | null>> {
  const rows = await admin.query<{ name: string; comment: string | null }>(catalogue);
  return new Map(rows.map(({ name, comment }) => [name, comment]));
}

const RELATIONS = (kind: string): string =>
  `SELECT relname AS name, obj_description(oid, 'pg_class') AS comment FROM pg_class
   WHERE relnamespace = 'public'::regnamespace AND relkind = '${kind}' AND relname NOT LIKE 'schema\\_migrations%'`;
const FUNCTIONS = `SELECT proname AS name, obj_description(oid, 'pg_proc') AS comment FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'`;

/** Made by a migration, since tables need them. */
const OF_THE_DATABASE = ['refuse_change', 'rushes_now'];

describe('the rooms', () => {
  it('have every table, view and function of the database, each once, and each is explained there', async () => {
    for (const [catalogue, named] of [
      [RELATIONS('r'), ROOMS.flatMap(({ tables }) => Object.keys(tables))],
      [RELATIONS('v'), ROOMS.flatMap(({ views }) => views.map(({ name }) => name))],
      [FUNCTIONS, [...OF_THE_DATABASE, ...ROOMS.flatMap(({ functions }) => functions.map(({ name }) => name))]],
    ] as const) {
      const found = await inDatabase(catalogue);
      expect(named.toSorted()).toEqual([...found.keys()].toSorted());
      expect([...found].filter(([, comment]) => comment === null)).toEqual([]);
    }
  });

  it('give each function one name', async () => {
    const overloaded = await admin.query(
      `SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace GROUP BY 1 HAVING count(*) > 1`,
    );
    expect(overloaded).toEqual([]);
  });
});

it.each([
  [`SELECT append_entry($1, 'grant', 5, NULL, NULL, NULL, 'r', 'r')`],
  [`SELECT number_events(ARRAY[$1::uuid])`],
])('the application cannot write the ledger past its functions: %s', async (sql) => {
  await expect(app.query(sql, [randomUUID()])).rejects.toThrow('permission denied');
});

describe('a later migration', () => {
  const later: RoomSchema = {
    name: 'later',
    after: ['accounts'],
    migrations: [
      {
        name: '0001_tables',
        sql: 'CREATE TABLE later_notes (account_id uuid NOT NULL REFERENCES accounts, note text)',
      },
    ],
    tables: { later_notes: 'open' },
    views: [],
    functions: [],
  };
  const NICKNAMES = { name: '0002_nickname', sql: 'ALTER TABLE accounts ADD COLUMN nickname text' };

  it('applies to a database that is in use, in the room of a table and in a room of its own', async () => {
    const accountUuid = randomUUID();
    await app.query(
      `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
       VALUES ($1, 'a', 'pilot', 'test', $2, rushes_now())`,
      [accountUuid, planLimits('pilot')],
    );
    const changed = ROOMS.map((room) =>
      room.name === 'accounts' ? { ...room, migrations: [...room.migrations, NICKNAMES] } : room,
    );
    const options = { migrationUrl: database.adminUrl, applicationUrl: database.appUrl };
    const { applied } = await migrate([later, ...changed], options);
    expect(applied).toEqual(['accounts/0002_nickname', 'later/0001_tables']);
    expect((await migrate([later, ...changed], options)).applied).toEqual([]);

    await app.query(`UPDATE accounts SET nickname = 'b' WHERE account_id = $1`, [accountUuid]);
    await app.query(`INSERT INTO later_notes SELECT account_id, nickname FROM accounts WHERE account_id = $1`, [
      accountUuid,
    ]);
    expect(await app.query('SELECT * FROM later_notes')).toEqual([{ account_id: accountUuid, note: 'b' }]);
  });
});
