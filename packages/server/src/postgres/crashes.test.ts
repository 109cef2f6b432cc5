import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { Client } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import { openEmbeddedPostgres } from './open.ts';
import {
  answers,
  isRunning,
  pgDataOf,
  postmasterOf,
  processesOfScratch,
  query,
  scratchDir,
  startHolder,
  usedDataDir,
} from '../../testing/postgres/holder.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Long enough for a machine that is busy with other tests; nothing is decided by it. */
const PATIENCE_MS = 25_000;

test('a server killed with SIGKILL leaves a Postgres that the next start takes over', async () => {
  const dataDir = await usedDataDir();
  const server = startHolder({ dataDir });
  const { adminUrl } = await server.opened;
  await query(adminUrl, 'CREATE TABLE kept ()');
  const postmaster = postmasterOf(dataDir);
  await server.kill();
  expect(isRunning(postmaster)).toBe(true);

  const next = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(next).toMatchObject({ owned: true, adminUrl });
  expect(postmasterOf(dataDir)).toBe(postmaster);
  expect(await query(next.adminUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
  await next.close();
  expect(processesOfScratch(dataDir)).toEqual([]);
});

test('server and postmaster killed together: the next start ends what is left of them and loses nothing', async () => {
  const dataDir = await usedDataDir();
  const server = startHolder({ dataDir });
  const { adminUrl } = await server.opened;
  await query(adminUrl, 'CREATE TABLE kept ()');
  // A busy backend does not notice that its postmaster is gone.
  const busy = new Client({ connectionString: adminUrl });
  busy.on('error', () => undefined);
  await busy.connect();
  const [row] = (await busy.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
  const orphan = row?.pid ?? 0;
  busy.query('DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$').catch(() => undefined);
  await expect
    .poll(async () => query(adminUrl, `SELECT state FROM pg_stat_activity WHERE pid = ${String(orphan)}`), {
      timeout: PATIENCE_MS,
    })
    .toEqual([{ state: 'active' }]);
  const postmaster = postmasterOf(dataDir);
  await server.kill();
  process.kill(postmaster, 'SIGKILL');
  expect(isRunning(orphan)).toBe(true);

  const next = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(next.owned).toBe(true);
  expect(processesOfScratch(dataDir)).not.toContain(orphan);
  expect(await query(next.adminUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
  await next.close();
});

/** As Postgres itself would have left it. */
function writePidFile(dataDir: string, content: string): void {
  const pgData = pgDataOf(dataDir);
  const file = path.join(pgData, 'postmaster.pid');
  writeFileSync(file, content, { mode: 0o600 });
  chownSync(file, statSync(pgData).uid, statSync(pgData).gid);
}

test('a stale pid file naming another living process does not stop a start, nor that process', async () => {
  const dataDir = await usedDataDir();
  // As Postgres' own user: what belongs to another one, Postgres itself knows to be none of its own.
  const { uid, gid } = statSync(pgDataOf(dataDir));
  const bystander = spawn('sleep', ['600'], { cwd: pgDataOf(dataDir), uid, gid });
  onTestFinished(() => {
    bystander.kill('SIGKILL');
  });
  await once(bystander, 'spawn');
  const stale = [
    bystander.pid,
    pgDataOf(dataDir),
    1_700_000_000,
    5432,
    '',
    '127.0.0.1',
    ' 123456 654321',
    'ready   ',
    '',
  ];
  writePidFile(dataDir, stale.join('\n'));

  const next = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(await answers(next.appUrl)).toBe(true);
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  await next.close();
});

test('a pid file cut off in the middle of its writing does not stop a start', async () => {
  const dataDir = await usedDataDir();
  writePidFile(dataDir, '');
  const next = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(await answers(next.appUrl)).toBe(true);
  await next.close();
});

test('a process killed while it makes the cluster leaves nothing that the next one trips over', async () => {
  const dataDir = scratchDir();
  const first = startHolder({ dataDir });
  const home = path.dirname(pgDataOf(dataDir));
  const unfinished = (): string[] =>
    existsSync(home) ? readdirSync(home).filter((name) => name.startsWith('unfinished-')) : [];
  await expect.poll(unfinished, { interval: 5, timeout: PATIENCE_MS }).not.toEqual([]);
  await first.kill();
  expect(existsSync(pgDataOf(dataDir))).toBe(false);

  const next = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(await answers(next.appUrl)).toBe(true);
  await next.close();
});

test('a postmaster that is killed while in use is started again under the same address', async () => {
  const dataDir = await usedDataDir();
  const owner = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  const joiner = startHolder({ dataDir });
  await joiner.opened;
  const postmaster = postmasterOf(dataDir);
  process.kill(postmaster, 'SIGKILL');
  await expect.poll(async () => answers(owner.appUrl), { timeout: PATIENCE_MS }).toBe(true);
  expect(postmasterOf(dataDir)).not.toBe(postmaster);
  expect(readFileSync(path.join(dataDir, 'postgres.log'), 'utf8').match(/starting PostgreSQL/g)).toHaveLength(3);
  await joiner.close();
  expect(await answers(owner.appUrl)).toBe(true);
  await owner.close();
  expect(processesOfScratch(dataDir)).toEqual([]);
});

test('a busy port makes it choose another', async () => {
  const dataDir = await usedDataDir();
  const first = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  const port = Number(new URL(first.adminUrl).port);
  await first.close();
  const squatter = createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  onTestFinished(() => {
    squatter.close();
  });

  const next = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  expect(Number(new URL(next.adminUrl).port)).not.toBe(port);
  expect(await answers(next.appUrl)).toBe(true);
  await next.close();
});

test('Ctrl-C in the terminal does not reach Postgres', async () => {
  const dataDir = await usedDataDir();
  // `detached` makes the process the leader of a group, as a shell does for what it runs in the foreground.
  const server = startHolder({ dataDir }, { detached: true });
  const { appUrl } = await server.opened;
  process.kill(-(server.child.pid ?? 0), 'SIGINT');
  expect(await answers(appUrl)).toBe(true);
  await server.close();
  expect(readFileSync(path.join(dataDir, 'postgres.log'), 'utf8').match(/received .* shutdown request/g)).toHaveLength(
    2,
  );
});

test.skipIf(process.platform === 'win32')('the application’s secrets are not in Postgres’ environment', async () => {
  const dataDir = await usedDataDir();
  const env = { ...process.env, RUSHES_SECRET_KEY: 'hush-hush', GRSAI_API_KEY: 'hush-hush', PGPASSWORD: 'hush-hush' };
  const server = startHolder({ dataDir }, { env });
  const { adminUrl } = await server.opened;
  // A program that Postgres starts inherits what Postgres has.
  await query(adminUrl, "CREATE TABLE environment (pair text); COPY environment FROM PROGRAM 'env'");
  const pairs = (await query(adminUrl, 'SELECT pair FROM environment')).map(({ pair }) => String(pair));
  // PostgreSQL and the shell add some of their own.
  const names = pairs
    .map((pair) => pair.split('=')[0])
    .filter((name) => !/^(PG.*|PWD|SHLVL|_|OLDPWD|LC_.*)$/.test(name ?? ''));
  expect(names.sort()).toEqual(['PATH', 'TZ']);
  expect(pairs.join()).not.toContain('hush-hush');
  await server.close();
});
