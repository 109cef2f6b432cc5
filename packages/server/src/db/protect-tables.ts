import type { Knex } from 'knex';

/** `full`: the application's role can move credits through functions only. `reduced`: says why it is not so. */
export type Protection = { readonly level: 'full' } | { readonly level: 'reduced'; readonly reason: string };

/** To be changed with anything that this file grants, so that databases already migrated get it too. */
export const PROTECTION_VERSION = '1';

const OWNER = 'rushes_owner';
const APPLICATION = 'rushes_app';

/** Written by functions alone: everything that money, a task's state or the event list depends on. */
const FUNCTION_ONLY_TABLES = [
  'credit_accounts',
  'credit_holds',
  'credit_ledger',
  'batch_failures',
  'task_attempts',
  'task_leases',
  'task_retries',
  'late_results',
  'events',
];
/** The application adds rows; changing them is up to the functions. */
const INSERT_ONLY_TABLES = ['batches', 'tasks', 'batch_schedule', 'webhook_attempts'];
const OPEN_TABLES = [
  'accounts',
  'api_keys',
  'idempotency_keys',
  'dispatch_routes',
  'webhook_endpoints',
  'webhook_deliveries',
];

async function all(db: Knex, sql: string): Promise<Record<string, unknown>[]> {
  return (await db.raw<{ rows: Record<string, unknown>[] }>(sql)).rows;
}

/**
 * Gives the tables and functions to a role that nobody logs in with, and the application's role what it needs and no
 * more. Runs inside the migration's transaction and changes nothing when it was run before.
 */
export async function protectTables(tx: Knex, applicationUrl: string | null): Promise<Protection> {
  const [me] = await all(
    tx,
    'SELECT current_user AS name, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user',
  );
  const existing = new Set(
    (await all(tx, `SELECT rolname FROM pg_roles WHERE rolname IN ('${OWNER}', '${APPLICATION}')`)).map(
      (row) => row['rolname'],
    ),
  );
  if (me?.['rolsuper'] !== true && me?.['rolcreaterole'] !== true && existing.size < 2) {
    return {
      level: 'reduced',
      reason: 'the migration role may not create roles, so tables belong to the role that migrates',
    };
  }
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
  if (me?.['rolsuper'] !== true) await tx.raw(`GRANT ${OWNER} TO CURRENT_USER`);
  await tx.raw(`GRANT USAGE, CREATE ON SCHEMA public TO ${OWNER}`);
  await tx.raw(`GRANT USAGE ON SCHEMA public TO ${APPLICATION}`);

  const tables = [...FUNCTION_ONLY_TABLES, ...INSERT_ONLY_TABLES, ...OPEN_TABLES];
  for (const table of [...tables, 'ledger_violations']) await tx.raw(`ALTER TABLE ${table} OWNER TO ${OWNER}`);
  const functions = await all(
    tx,
    `SELECT p.oid::regprocedure::text AS signature FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
  );
  for (const { signature } of functions) {
    await tx.raw(`ALTER FUNCTION ${String(signature)} OWNER TO ${OWNER}`);
    await tx.raw(`REVOKE ALL ON FUNCTION ${String(signature)} FROM PUBLIC`);
    await tx.raw(`GRANT EXECUTE ON FUNCTION ${String(signature)} TO ${APPLICATION}`);
  }
  await tx.raw(`GRANT SELECT ON ${tables.join(', ')}, ledger_violations, schema_migrations TO ${APPLICATION}`);
  await tx.raw(`GRANT INSERT ON ${INSERT_ONLY_TABLES.join(', ')} TO ${APPLICATION}`);
  await tx.raw(`GRANT INSERT, UPDATE, DELETE ON ${OPEN_TABLES.join(', ')} TO ${APPLICATION}`);

  if (applicationUrl === null) {
    return {
      level: 'reduced',
      reason: 'DATABASE_MIGRATION_URL is not set, so the application logs in as the owner of its tables',
    };
  }
  const login = decodeURIComponent(new URL(applicationUrl).username);
  const [role] = (
    await tx.raw<{ rows: Record<string, unknown>[] }>(
      'SELECT rolsuper, rolname = current_user AS is_me FROM pg_roles WHERE rolname = ?',
      [login],
    )
  ).rows;
  if (role === undefined)
    return { level: 'reduced', reason: `the application's role ${login} does not exist on this server` };
  if (role['is_me'] === true) {
    return { level: 'reduced', reason: 'DATABASE_URL and DATABASE_MIGRATION_URL name the same role' };
  }
  await tx.raw(`GRANT ${APPLICATION} TO "${login.replaceAll('"', '""')}"`);
  if (role['rolsuper'] === true) {
    return { level: 'reduced', reason: `the application's role ${login} is a superuser` };
  }
  return { level: 'full' };
}
