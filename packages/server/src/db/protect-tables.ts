import type { Knex } from 'knex';
import type { RoomSchema, TableAccess } from './room-schema.ts';

/** `full`: the application's role can move credits through functions only. `reduced`: says why it is not so. */
export type Protection = { readonly level: 'full' } | { readonly level: 'reduced'; readonly reason: string };

/** To be changed with what this file does, so that databases already migrated get it too. */
export const PROTECTION_VERSION = '6';

const OWNER = 'rushes_owner';
const APPLICATION = 'rushes_app';
/** The migration runner's own, which readiness reads. */
const MIGRATIONS_TABLE = 'schema_migrations';

async function all(db: Knex, sql: string): Promise<Record<string, unknown>[]> {
  return (await db.raw<{ rows: Record<string, unknown>[] }>(sql)).rows;
}

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Gives the tables and functions to a role that nobody logs in with, and the application's role what it needs and no
 * more. Where the migrating role may not do that, tables stay its own and the application's login is granted the same
 * rights directly. Runs inside the migration's transaction and changes nothing when it was run before.
 */
export async function protectTables(
  tx: Knex,
  rooms: readonly RoomSchema[],
  applicationUrl: string | null,
): Promise<Protection> {
  const [me] = await all(tx, 'SELECT current_user AS name, rolsuper FROM pg_roles WHERE rolname = current_user');
  const login = await findLogin(tx, applicationUrl);
  const separate = login !== null && login.name !== me?.['name'];
  if (separate && !login.exists) {
    return { level: 'reduced', reason: `the application's role ${login.name} does not exist on this server` };
  }
  const obstacle = await attempt(tx, async (step) => {
    await createRoles(step, me?.['rolsuper'] === true);
    await giveAway(step, rooms);
    await grant(step, rooms, APPLICATION);
    if (separate) await step.raw(`GRANT ${APPLICATION} TO ${quoted(login.name)}`);
  });
  if (obstacle !== null && separate) await grant(tx, rooms, quoted(login.name));

  if (obstacle !== null) {
    return {
      level: 'reduced',
      reason: `the tables belong to the role that migrates, which is not allowed to change their owner: ${obstacle}`,
    };
  }
  if (login === null) {
    return {
      level: 'reduced',
      reason: 'DATABASE_MIGRATION_URL is not set, so the application logs in as the owner of its tables',
    };
  }
  if (!separate) return { level: 'reduced', reason: 'DATABASE_URL and DATABASE_MIGRATION_URL name the same role' };
  if (login.isSuperuser) return { level: 'reduced', reason: `the application's role ${login.name} is a superuser` };
  return { level: 'full' };
}

interface Login {
  readonly name: string;
  readonly exists: boolean;
  readonly isSuperuser: boolean;
}

async function findLogin(tx: Knex, applicationUrl: string | null): Promise<Login | null> {
  if (applicationUrl === null) return null;
  const name = decodeURIComponent(new URL(applicationUrl).username);
  const { rows } = await tx.raw<{ rows: { rolsuper: boolean }[] }>('SELECT rolsuper FROM pg_roles WHERE rolname = ?', [
    name,
  ]);
  return { name, exists: rows.length > 0, isSuperuser: rows[0]?.rolsuper === true };
}

function quoted(role: string): string {
  return `"${role.replaceAll('"', '""')}"`;
}

/** Runs `work` in a savepoint. Returns null, or why the migrating role lacks the right to do it; then nothing of it stays. */
async function attempt(tx: Knex, work: (step: Knex) => Promise<void>): Promise<string | null> {
  try {
    await tx.transaction((step) => work(step));
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === INSUFFICIENT_PRIVILEGE) return error.message;
    throw error;
  }
}

async function createRoles(tx: Knex, isSuperuser: boolean): Promise<void> {
  await tx.raw(`
    DO $$
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${OWNER}') THEN CREATE ROLE ${OWNER} NOLOGIN; END IF;
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${APPLICATION}') THEN CREATE ROLE ${APPLICATION} NOLOGIN; END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      -- Roles belong to the whole cluster: another database's migration made them a moment ago.
      NULL;
    END
    $$`);
  // Needed to give objects away on a server where we are no superuser.
  const [member] = await all(tx, `SELECT pg_has_role(current_user, '${OWNER}', 'MEMBER') AS yes`);
  if (!isSuperuser && member?.['yes'] !== true) await tx.raw(`GRANT ${OWNER} TO CURRENT_USER`);
}

/** Makes the owner role own every table and function, and takes the functions from everybody else. */
async function giveAway(tx: Knex, rooms: readonly RoomSchema[]): Promise<void> {
  await tx.raw(`GRANT USAGE, CREATE ON SCHEMA public TO ${OWNER}`);
  for (const relation of relationsOf(rooms)) await tx.raw(`ALTER TABLE ${relation} OWNER TO ${OWNER}`);
  for (const signature of await functionSignatures(tx)) {
    await tx.raw(`ALTER FUNCTION ${signature} OWNER TO ${OWNER}`);
    await tx.raw(`REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`);
  }
}

async function functionSignatures(tx: Knex): Promise<string[]> {
  const functions = await all(
    tx,
    `SELECT p.oid::regprocedure::text AS signature FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
  );
  return functions.map(({ signature }) => String(signature));
}

/** Tables and views. */
function relationsOf(rooms: readonly RoomSchema[]): string[] {
  return rooms.flatMap(({ tables, views }) => [...Object.keys(tables), ...views.map(({ name }) => name)]);
}

function tablesWith(rooms: readonly RoomSchema[], access: TableAccess): string[] {
  return rooms.flatMap(({ tables }) => Object.keys(tables).filter((table) => tables[table] === access));
}

/** What the application needs, and no more. */
async function grant(tx: Knex, rooms: readonly RoomSchema[], role: string): Promise<void> {
  await tx.raw(`GRANT USAGE ON SCHEMA public TO ${role}`);
  await tx.raw(`GRANT SELECT ON ${[...relationsOf(rooms), MIGRATIONS_TABLE].join(', ')} TO ${role}`);
  const rights: readonly (readonly [rights: string, tables: readonly string[]])[] = [
    ['INSERT', tablesWith(rooms, 'insert')],
    ['INSERT, UPDATE, DELETE', tablesWith(rooms, 'open')],
  ];
  for (const [right, tables] of rights) {
    if (tables.length > 0) await tx.raw(`GRANT ${right} ON ${tables.join(', ')} TO ${role}`);
  }
  for (const signature of await functionSignatures(tx))
    await tx.raw(`GRANT EXECUTE ON FUNCTION ${signature} TO ${role}`);
}
