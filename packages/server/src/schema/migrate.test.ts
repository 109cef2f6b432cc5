import { randomUUID } from 'node:crypto';
import { planLimits } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { describeSchema } from '../db/describe-schema.ts';
import { openDatabase, type Database } from '../db/index.ts';
import { migrate, pendingMigrations } from './index.ts';
import { ROOMS } from './rooms.ts';

const MIGRATIONS = ROOMS.flatMap(({ migrations }) => migrations).length;

function open(url: string): Database {
  return openDatabase({ url, applicationName: 'test', maxConnections: 4, onConnectionError: () => undefined });
}

describe('migrations', () => {
  const databases: TestDatabase[] = [];
  let migrated: TestDatabase;

  beforeAll(async () => {
    migrated = await createTestDatabase();
    databases.push(migrated);
  });
  afterAll(async () => {
    for (const database of databases) await database.drop();
  });

  it('lead to the committed schema.sql', async () => {
    const db = open(migrated.adminUrl);
    // Renew it with: npx vitest run packages/server/src/schema/migrate.test.ts -u
    await expect(await describeSchema(db)).toMatchFileSnapshot('../../schema.sql');
    await db.close();
  });

  it('may be run by several processes at once, and once more', async () => {
    const empty = await createEmptyDatabase();
    databases.push(empty);
    const options = { migrationUrl: empty.adminUrl, applicationUrl: empty.appUrl };
    const results = await Promise.all([migrate(options), migrate(options), migrate(options)]);
    expect(results.map(({ applied }) => applied.length).sort((a, b) => a - b)).toEqual([0, 0, MIGRATIONS]);
    expect((await migrate(options)).applied).toEqual([]);
    const db = open(empty.appUrl);
    expect(await pendingMigrations((sql) => db.query<{ name: string }>(sql))).toEqual([]);
    await db.close();
  });

  it('take no lock that a working server would wait for when nothing has changed', async () => {
    const options = { migrationUrl: migrated.adminUrl, applicationUrl: migrated.appUrl };
    await migrate(options);
    const db = open(migrated.adminUrl);
    // A reader in a transaction: any change of a table's owner or of a function would have to wait for it.
    await db.transaction(async (tx) => {
      await tx.query('SELECT count(*) FROM credit_ledger, tasks, ledger_violations');
      expect(await migrate(options)).toEqual({ applied: [], protection: { level: 'full' } });
    });
    await db.close();
  });

  it('say what is missing in a database that was never migrated', async () => {
    const empty = await createEmptyDatabase();
    databases.push(empty);
    const db = open(empty.adminUrl);
    const pending = await pendingMigrations((sql) => db.query<{ name: string }>(sql));
    expect(pending).toHaveLength(MIGRATIONS);
    expect(pending).toContain('ledger/0001_tables');
    await db.close();
  });

  it('report the reduced protection of a single URL, and full protection of two', async () => {
    const both = { migrationUrl: migrated.adminUrl, applicationUrl: migrated.appUrl };
    expect((await migrate(both)).protection).toEqual({ level: 'full' });
    expect((await migrate({ ...both, applicationUrl: null })).protection).toMatchObject({ level: 'reduced' });
  });

  it('work for a role that may create no roles, and keep the ledger from the application all the same', async () => {
    const empty = await createEmptyDatabase();
    databases.push(empty);
    const suffix = randomUUID().slice(0, 8);
    const admin = open(empty.adminUrl);
    const urlOf = (role: string): string => {
      const url = new URL(empty.adminUrl);
      url.username = role;
      url.password = 'x';
      return url.href;
    };
    const [owner, application] = [`plain_owner_${suffix}`, `plain_app_${suffix}`];
    for (const role of [owner, application]) await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await admin.query(`ALTER DATABASE ${new URL(empty.adminUrl).pathname.slice(1)} OWNER TO ${owner}`);

    const options = { migrationUrl: urlOf(owner), applicationUrl: urlOf(application) };
    expect((await migrate(options)).protection).toMatchObject({ level: 'reduced' });
    const db = open(options.applicationUrl);
    await expect(db.query('DELETE FROM credit_ledger')).rejects.toThrow('permission denied');
    expect(await db.query('SELECT * FROM credit_ledger')).toEqual([]);
    const accountUuid = randomUUID();
    await db.query(
      `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
       VALUES ($1, 'a', 'pilot', 'test', $2, rushes_now())`,
      [accountUuid, planLimits('pilot')],
    );
    await db.query('SELECT open_account($1)', [accountUuid]);
    await db.query(`SELECT issue_credits($1, 'grant', 5, 'r', 'r')`, [accountUuid]);
    expect(await db.query('SELECT available FROM credit_accounts')).toEqual([{ available: 5 }]);
    await db.close();

    expect((await migrate({ ...options, applicationUrl: null })).protection).toMatchObject({ level: 'reduced' });
    await admin.query(`REASSIGN OWNED BY ${owner} TO CURRENT_USER`);
    await admin.query(`DROP OWNED BY ${owner}, ${application}`);
    await admin.query(`DROP ROLE ${owner}, ${application}`);
    await admin.close();
  });

  it.each([
    'UPDATE credit_ledger SET amount = 1',
    'DELETE FROM credit_ledger',
    'TRUNCATE credit_ledger',
    'UPDATE credit_accounts SET available = 1',
    'INSERT INTO credit_ledger SELECT * FROM credit_ledger',
    "UPDATE tasks SET state = 'queued'",
    'UPDATE batches SET unit_price = 1',
    'DELETE FROM events',
    'UPDATE credit_holds SET amount = 1',
  ])('leave the application without the right to %s', async (sql) => {
    const db = open(migrated.appUrl);
    await expect(db.query(sql)).rejects.toThrow('permission denied');
    await db.close();
  });

  it.each(['UPDATE credit_ledger SET amount = 1', 'DELETE FROM credit_ledger', 'TRUNCATE credit_ledger CASCADE'])(
    'make the ledger refuse %s even to its owner',
    async (sql) => {
      const db = open(migrated.adminUrl);
      await expect(db.query(sql)).rejects.toThrow('its rows are never changed');
      await db.close();
    },
  );
});
