import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import { openEmbeddedPostgres } from './open.ts';
import {
  answers,
  postmasterOf,
  processesOfScratch,
  query,
  scratchDir,
  startHolder,
  usedDataDir,
} from '../../testing/postgres/holder.ts';

vi.setConfig({ testTimeout: 120_000 });

test('an empty directory becomes a PostgreSQL 18 that loses nothing, on loopback, in UTF-8 and UTC', async () => {
  const dataDir = scratchDir();
  const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  const settings = [
    'server_version',
    'fsync',
    'full_page_writes',
    'synchronous_commit',
    'data_checksums',
    'listen_addresses',
    'unix_socket_directories',
    'server_encoding',
    'TimeZone',
    'log_min_error_statement',
  ];
  const [shown] = await query(
    postgres.adminUrl,
    `SELECT ${settings.map((name) => `current_setting('${name}') AS "${name}"`).join()}`,
  );
  expect(shown).toMatchObject({
    server_version: expect.stringMatching(/^18\./) as string,
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    data_checksums: 'on',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    server_encoding: 'UTF8',
    TimeZone: 'UTC',
    log_min_error_statement: 'panic',
  });
  await postgres.close();
  expect(await answers(postgres.adminUrl)).toBe(false);
});

test('the application logs in as a role that may do nothing by itself', async () => {
  const postgres = await openEmbeddedPostgres({ dataDir: await usedDataDir(), logger: silentLogger });
  const whoami =
    'SELECT current_user, current_database(), rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user';
  expect(await query(postgres.appUrl, whoami)).toEqual([
    {
      current_user: 'rushes_login',
      current_database: 'rushes',
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
    },
  ]);
  expect(await query(postgres.adminUrl, whoami)).toMatchObject([
    { current_user: 'postgres', current_database: 'rushes', rolsuper: true },
  ]);
  await expect(query(postgres.appUrl, 'CREATE TABLE t ()')).rejects.toThrow('permission denied');
  await postgres.close();
});

test('nobody gets in without the password, which only the owner can read', async () => {
  const dataDir = await usedDataDir();
  const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  const url = new URL(postgres.adminUrl);
  url.password = 'guess';
  await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  for (const file of ['postgres.json', 'postgres.log', 'postgres-turn.lock', 'postgres-users.lock']) {
    expect(statSync(path.join(dataDir, file)).mode & 0o777, file).toBe(0o600);
  }
  await postgres.close();
});

test('a joiner uses the running Postgres and never stops the owner’s', async () => {
  const dataDir = await usedDataDir();
  const owner = startHolder({ dataDir });
  const first = await owner.opened;
  const postmaster = postmasterOf(dataDir);
  const joiner = startHolder({ dataDir });
  const second = await joiner.opened;
  expect(first.owned).toBe(true);
  expect(second).toEqual({ ...first, owned: false });
  await joiner.close();
  expect(postmasterOf(dataDir)).toBe(postmaster);
  expect(await answers(first.appUrl)).toBe(true);
  await owner.close();
  expect(await answers(first.appUrl)).toBe(false);
});

test('a Postgres in use outlives its owner and ends with its last user', async () => {
  const dataDir = await usedDataDir();
  const command = startHolder({ dataDir });
  const { appUrl } = await command.opened;
  const server = startHolder({ dataDir });
  await server.opened;
  await command.close();
  expect(await answers(appUrl)).toBe(true);
  await server.close();
  expect(await answers(appUrl)).toBe(false);
  expect(processesOfScratch(dataDir)).toEqual([]);
});

test('two processes that start at once share one Postgres, and one of them owns it', async () => {
  const dataDir = scratchDir();
  const holders = [startHolder({ dataDir }), startHolder({ dataDir }), startHolder({ dataDir })];
  const opened = await Promise.all(holders.map(async (holder) => holder.opened));
  expect(opened.filter(({ owned }) => owned)).toHaveLength(1);
  expect(new Set(opened.map(({ adminUrl }) => adminUrl)).size).toBe(1);
  expect(readFileSync(path.join(dataDir, 'postgres.log'), 'utf8').match(/starting PostgreSQL/g)).toHaveLength(1);
  await Promise.all(holders.map(async (holder) => holder.close()));
  expect(processesOfScratch(dataDir)).toEqual([]);
});

test('one process may open it several times, and links to the directory make no difference', async () => {
  const dataDir = await usedDataDir();
  const first = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  const second = await openEmbeddedPostgres({
    dataDir: `${dataDir}/../${path.basename(dataDir)}/`,
    logger: silentLogger,
  });
  expect([first.owned, second.owned]).toEqual([true, false]);
  await first.close();
  expect(await answers(second.appUrl)).toBe(true);
  await second.close();
  expect(await answers(second.appUrl)).toBe(false);
});

test('close ends a Postgres with open connections, and twice is once', async () => {
  const postgres = await openEmbeddedPostgres({ dataDir: await usedDataDir(), logger: silentLogger });
  const client = new Client({ connectionString: postgres.appUrl });
  const broken = new Promise((resolve) => client.on('error', resolve));
  await client.connect();
  await client.query('BEGIN');
  await Promise.all([postgres.close(), postgres.close()]);
  await broken;
  await postgres.close();
  expect(await answers(postgres.appUrl)).toBe(false);
});

test('what was committed is there after a restart', async () => {
  const dataDir = await usedDataDir();
  const first = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  await query(first.adminUrl, "CREATE TABLE kept AS SELECT 'värde 值' AS text");
  await first.close();
  const second = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(await query(second.adminUrl, 'SELECT text FROM kept')).toEqual([{ text: 'värde 值' }]);
  await second.close();
});
