import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from './database.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

describe('a test database', () => {
  let one: TestDatabase;
  let other: TestDatabase;

  beforeAll(async () => {
    [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });
  afterAll(async () => {
    await one.drop();
    await other.drop();
  });

  it('is migrated', async () => {
    expect(await query(one.adminUrl, "SELECT to_regclass('public.credit_ledger') AS ledger")).toEqual([
      { ledger: 'credit_ledger' },
    ]);
  });

  it('shares nothing with another one', async () => {
    await query(one.adminUrl, 'CREATE TABLE only_here ()');
    expect(await query(other.adminUrl, "SELECT to_regclass('public.only_here') AS found")).toEqual([{ found: null }]);
  });

  it('is seen by the application as a role without the right to change the ledger', async () => {
    await expect(query(one.appUrl, 'SELECT count(*) FROM credit_ledger')).resolves.toHaveLength(1);
    await expect(query(one.appUrl, 'DELETE FROM credit_ledger')).rejects.toThrow('permission denied');
  });

  it('may also be empty, for tests of the migrations', async () => {
    const empty = await createEmptyDatabase();
    const tables = "SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'";
    expect(await query(empty.adminUrl, tables)).toEqual([{ tables: 0 }]);
    await empty.drop();
  });

  it('is gone after drop, even with sessions open, and dropping twice is harmless', async () => {
    const dropped = await createTestDatabase();
    const lingering = new Client({ connectionString: dropped.adminUrl });
    lingering.on('error', () => undefined);
    await lingering.connect();
    await dropped.drop();
    await dropped.drop();
    await expect(query(dropped.adminUrl, 'SELECT 1')).rejects.toThrow('does not exist');
    await lingering.end().catch(() => undefined);
  });
});
