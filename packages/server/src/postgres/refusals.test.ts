import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import { openEmbeddedPostgres } from './open.ts';
import {
  pgDataOf,
  processesOfScratch,
  query,
  scratchDir,
  startHolder,
  usedDataDir,
} from '../../testing/postgres/holder.ts';

vi.setConfig({ testTimeout: 120_000 });

async function refusal(dataDir: string): Promise<string> {
  const error: unknown = await openEmbeddedPostgres({ dataDir, logger: silentLogger }).then(
    () => new Error('it opened'),
    (reason: unknown) => reason,
  );
  return `${(error as Error).name}: ${(error as Error).message}`;
}

test('a database of another major version is refused with both versions and untouched', async () => {
  const dataDir = await usedDataDir();
  const versionFile = path.join(pgDataOf(dataDir), 'PG_VERSION');
  writeFileSync(versionFile, '17\n');
  expect(await refusal(dataDir)).toMatch(
    /^EmbeddedPostgresError: .*created by PostgreSQL 17, but this release has 18\. Make a backup/,
  );
  writeFileSync(versionFile, '18\n');
  await (await openEmbeddedPostgres({ dataDir, logger: silentLogger })).close();
});

test('a folder that is no database is refused by name', async () => {
  const dataDir = await usedDataDir();
  rmSync(path.join(pgDataOf(dataDir), 'PG_VERSION'));
  expect(await refusal(dataDir)).toContain(`${pgDataOf(dataDir)} is not a PostgreSQL data directory`);
});

test('a damaged database is refused with advice and the end of its log', async () => {
  const dataDir = await usedDataDir();
  const control = openSync(path.join(pgDataOf(dataDir), 'global', 'pg_control'), 'r+');
  writeSync(control, Buffer.alloc(200, 0xaa), 0, 200, 0);
  closeSync(control);
  const message = await refusal(dataDir);
  expect(message).toContain('The files of the database are damaged: restore a backup');
  expect(message).toMatch(/postgres\.log, ends with:\n(.*\n)*.*FATAL/);
  expect(processesOfScratch(dataDir)).toEqual([]);
});

test('a refused start leaves the way free for the next', async () => {
  const dataDir = await usedDataDir();
  const control = path.join(pgDataOf(dataDir), 'global', 'pg_control');
  renameSync(control, `${control}.away`);
  expect(await refusal(dataDir)).toContain('The files of the database are damaged');
  renameSync(`${control}.away`, control);
  await (await openEmbeddedPostgres({ dataDir, logger: silentLogger })).close();
});

test('a database that vanished is not replaced by an empty one', async () => {
  const dataDir = await usedDataDir();
  renameSync(pgDataOf(dataDir), path.join(dataDir, 'away'));
  expect(await refusal(dataDir)).toMatch(/the database of .* is gone/);
  expect(existsSync(pgDataOf(dataDir))).toBe(false);
});

test('lost passwords are replaced, and nothing else is lost', async () => {
  const dataDir = await usedDataDir();
  const before = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  await query(before.adminUrl, 'CREATE TABLE kept ()');
  await before.close();
  rmSync(path.join(dataDir, 'postgres.json'));
  const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(await query(postgres.adminUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
  expect(await query(postgres.appUrl, 'SELECT current_user AS name')).toEqual([{ name: 'rushes_login' }]);
  await postgres.close();
});

test('passwords lost while a crash left Postgres running are replaced too', async () => {
  const dataDir = await usedDataDir();
  const server = startHolder({ dataDir });
  await server.opened;
  await server.kill();
  rmSync(path.join(dataDir, 'postgres.json'));
  const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(await query(postgres.appUrl, 'SELECT current_user AS name')).toEqual([{ name: 'rushes_login' }]);
  await postgres.close();
});

test('passwords that do not fit the database are set on it', async () => {
  const dataDir = await usedDataDir();
  const file = path.join(dataDir, 'postgres.json');
  // As a crash leaves it between writing the file and telling the database.
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(Password": ")[^"]+/g, '$1new-and-unknown'));
  const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(postgres.adminUrl).toContain('new-and-unknown');
  expect(await query(postgres.adminUrl, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  expect(await query(postgres.appUrl, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  await postgres.close();
});

test('a damaged password file is named', async () => {
  const dataDir = await usedDataDir();
  writeFileSync(path.join(dataDir, 'postgres.json'), '{"format":1,');
  expect(await refusal(dataDir)).toContain(`${path.join(dataDir, 'postgres.json')} is damaged: remove it`);
});

test('a file in the place of the data directory is named', async () => {
  const file = path.join(scratchDir(), 'data-dir');
  writeFileSync(file, '');
  expect(await refusal(file)).toMatch(
    /^DataDirError: cannot use .*data-dir: there is a file where a directory is needed/,
  );
});

test.runIf(process.getuid?.() === 0)('a data directory that one may not write is named', async () => {
  const dataDir = path.join(scratchDir(), 'data-dir');
  mkdirSync(dataDir, { mode: 0o755 });
  const report = await startHolder({ dataDir }, { uid: 65_534, gid: 65_534 }).report;
  expect(report).toMatchObject({ kind: 'failed', name: 'DataDirError' });
  expect(report).toMatchObject({
    message: expect.stringMatching(/cannot use .*data-dir.*permission denied: run as the user who owns it/) as string,
  });
});

test.runIf(process.getuid?.() === 0)("another user's database is refused by name", async () => {
  const dataDir = await usedDataDir();
  const report = await startHolder({ dataDir }, { uid: 65_534, gid: 65_534 }).report;
  expect(report).toMatchObject({ kind: 'failed', message: expect.stringContaining('permission denied') as string });
});

/** A file system of 20 MB; false where mounting is not allowed. */
function mountSmallDisk(directory: string): boolean {
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=20m,mode=755', 'tmpfs', directory]).status === 0;
  if (isMounted) onTestFinished(() => void spawnSync('umount', ['--lazy', directory]));
  return isMounted;
}

test.runIf(process.getuid?.() === 0 && process.platform === 'linux')(
  'a full disk is called a full disk',
  async ({ skip }) => {
    const dataDir = path.join(scratchDir(), 'data-dir');
    mkdirSync(dataDir);
    if (!mountSmallDisk(dataDir)) return skip('mounting is not allowed here');
    expect(await refusal(dataDir)).toMatch(
      /EmbeddedPostgresError: initdb could not make the database in .* The disk is full: free some space/,
    );
    expect(existsSync(pgDataOf(dataDir))).toBe(false);
  },
);

test('the log is quoted from this start only', async () => {
  const dataDir = await usedDataDir();
  const before = readFileSync(path.join(dataDir, 'postgres.log'), 'utf8').split('\n')[0] ?? '';
  expect(before).toContain('starting PostgreSQL');
  // Readable for others: Postgres refuses that.
  chmodSync(pgDataOf(dataDir), 0o777);
  const message = await refusal(dataDir);
  expect(message).toContain('has invalid permissions');
  expect(message).not.toContain(before);
  expect(statSync(pgDataOf(dataDir)).mode & 0o777).toBe(0o777);
});
