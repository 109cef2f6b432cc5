/** A database of its own for each test file, cloned in a moment from one that was migrated once per run. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { migrate } from '../src/schema/index.ts';

export interface TestDatabase {
  /** Superuser. */
  readonly adminUrl: string;
  /** What the application logs in with: only what migrations grant it. */
  readonly appUrl: string;
  /** Ends every connection to the database and removes it. Idempotent. */
  drop(): Promise<void>;
}

const TEMPLATE = 'rushes_template';
/** Any fixed number: test processes of one run take turns to look for the template. */
const TEMPLATE_LOCK_KEY = 4_600_171_002;

/** A migrated, empty database. Call `drop` in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  await ensureTemplate();
  return createFrom(TEMPLATE);
}

/** A database without any table, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createFrom('template1');
}

async function createFrom(template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await asAdmin((admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const urls = inject('testPostgres');
  return {
    adminUrl: withDatabase(urls.adminUrl, name),
    appUrl: withDatabase(urls.appUrl, name),
    drop: async () => {
      await asAdmin((admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** The mark `datistemplate` is set last, so a template without it is half made by a process that died. */
async function ensureTemplate(): Promise<void> {
  await asAdmin(async (admin) => {
    await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK_KEY]);
    const found = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate', [TEMPLATE]);
    if (found.rowCount === 1) return;
    await admin.query(`DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${TEMPLATE}`);
    const urls = inject('testPostgres');
    await migrate({
      migrationUrl: withDatabase(urls.adminUrl, TEMPLATE),
      applicationUrl: withDatabase(urls.appUrl, TEMPLATE),
    });
    // Nobody connects to it again: CREATE DATABASE refuses a template that has a session.
    await admin.query(`ALTER DATABASE ${TEMPLATE} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`);
  });
}

/** One session; its end gives back every lock that `use` took. */
async function asAdmin<T>(use: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: inject('testPostgres').adminUrl });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
