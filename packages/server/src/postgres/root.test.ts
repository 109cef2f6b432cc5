/** What only root meets: Postgres runs as somebody else, who must get to its programs and to its files. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import { installedNativeDir } from './binaries.ts';
import { openEmbeddedPostgres } from './open.ts';
import type { HolderOptions } from '../../testing/postgres/hold-postgres.ts';
import { answers, pgDataOf, postmasterOf, query, scratchDir, startHolder } from '../../testing/postgres/holder.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Exists wherever root does, and owns nothing. */
const NOBODY = 65_534;

/** A data directory to be, below a home that only root may enter, and system folders of the test's own. */
function closedHome(): HolderOptions & { readonly system: string } {
  const home = path.join(scratchDir(), 'home');
  const system = scratchDir();
  mkdirSync(home, { mode: 0o700 });
  return {
    dataDir: path.join(home, 'data-dir'),
    systemStateDir: path.join(system, 'lib'),
    systemCacheDir: path.join(system, 'cache'),
    system,
  };
}

function ownerOf(file: string): number {
  return statSync(file).uid;
}

describe.runIf(process.getuid?.() === 0)('as root', () => {
  test('a data directory under a 0700 home works, and so does the next start', async () => {
    const { system, ...places } = closedHome();
    const first = await openEmbeddedPostgres({ ...places, logger: silentLogger });
    await query(first.adminUrl, 'CREATE TABLE kept ()');
    expect(pgDataOf(places.dataDir).startsWith(path.join(system, 'lib', 'data-dir-'))).toBe(true);
    expect(statSync(path.join(places.dataDir, '..')).mode & 0o777).toBe(0o700);
    await first.close();
    const second = await openEmbeddedPostgres({ ...places, logger: silentLogger });
    expect(await query(second.adminUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
    await second.close();
  });

  test('programs under a 0700 home are copied to where Postgres can run them, once', async () => {
    const { system, ...places } = closedHome();
    const nativeDir = path.join(places.dataDir, '..', 'package', 'native');
    cpSync(path.join(installedNativeDir(), '..'), path.dirname(nativeDir), { recursive: true, verbatimSymlinks: true });
    const first = await openEmbeddedPostgres({ ...places, nativeDir, logger: silentLogger });
    expect(await answers(first.appUrl)).toBe(true);
    expect(
      readFileSync(`/proc/${String(postmasterOf(places.dataDir))}/cmdline`, 'utf8').startsWith(
        path.join(system, 'cache'),
      ),
    ).toBe(true);
    await first.close();
    const copies = readdirSync(path.join(system, 'cache'));
    expect(copies).toEqual([expect.stringMatching(/^postgres-18\.[^/]*-linux-(x64|arm64)$/)]);
    const madeAt = statSync(path.join(system, 'cache', copies[0] ?? '')).ctimeMs;
    await (await openEmbeddedPostgres({ ...places, nativeDir, logger: silentLogger })).close();
    expect(statSync(path.join(system, 'cache', copies[0] ?? '')).ctimeMs).toBe(madeAt);
  });

  test('Postgres does not run as root, and its files are out of reach for others', async () => {
    const dataDir = scratchDir();
    const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
    expect(ownerOf(`/proc/${String(postmasterOf(dataDir))}`)).not.toBe(0);
    expect(statSync(pgDataOf(dataDir)).mode & 0o077).toBe(0);
    await postgres.close();
  });

  test('a private directory in an open place lets Postgres pass and nobody else', async () => {
    const dataDir = scratchDir(0o700);
    const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
    expect(path.dirname(path.dirname(pgDataOf(dataDir)))).toBe(dataDir);
    expect(statSync(dataDir)).toMatchObject({ uid: 0, gid: statSync(pgDataOf(dataDir)).gid });
    expect(statSync(dataDir).mode & 0o777).toBe(0o710);
    await postgres.close();
  });

  test('a strict umask changes nothing', async () => {
    const places = closedHome();
    const open = path.join(places.system, 'a', 'b');
    const before = process.umask(0o077);
    try {
      const inside = await openEmbeddedPostgres({ dataDir: open, logger: silentLogger });
      expect(path.dirname(path.dirname(pgDataOf(open)))).toBe(open);
      await inside.close();
      const elsewhere = await openEmbeddedPostgres({ ...places, logger: silentLogger });
      expect(await answers(elsewhere.appUrl)).toBe(true);
      await elsewhere.close();
    } finally {
      process.umask(before);
    }
  });

  test("root in somebody's data directory runs Postgres as them and leaves everything theirs", async () => {
    const dataDir = path.join(scratchDir(), 'data-dir');
    mkdirSync(dataDir, { mode: 0o700 });
    chownSync(dataDir, NOBODY, NOBODY);
    const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
    expect(ownerOf(`/proc/${String(postmasterOf(dataDir))}`)).toBe(NOBODY);
    await postgres.close();
    for (const name of readdirSync(dataDir)) expect(ownerOf(path.join(dataDir, name)), name).toBe(NOBODY);
    const themselves = startHolder({ dataDir }, { uid: NOBODY, gid: NOBODY });
    expect(await themselves.opened).toMatchObject({ owned: true });
    await themselves.close();
  });

  test('an ordinary user starts it as themselves, and root joins', async () => {
    const dataDir = path.join(scratchDir(), 'data-dir');
    mkdirSync(dataDir, { mode: 0o700 });
    chownSync(dataDir, NOBODY, NOBODY);
    const server = startHolder({ dataDir }, { uid: NOBODY, gid: NOBODY });
    const { adminUrl } = await server.opened;
    expect(ownerOf(`/proc/${String(postmasterOf(dataDir))}`)).toBe(NOBODY);
    const command = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
    expect(command).toMatchObject({ owned: false, adminUrl });
    await command.close();
    expect(await answers(adminUrl)).toBe(true);
    await server.close();
    expect(await answers(adminUrl)).toBe(false);
  });

  test('a data directory that was renamed finds its database', async () => {
    const places = closedHome();
    await (await openEmbeddedPostgres({ ...places, logger: silentLogger })).close();
    const home = pgDataOf(places.dataDir);
    const renamed = `${places.dataDir}-2`;
    renameSync(places.dataDir, renamed);
    await (await openEmbeddedPostgres({ ...places, dataDir: renamed, logger: silentLogger })).close();
    expect(pgDataOf(renamed)).toBe(home);
  });

  test("a copied data directory does not run on the original's database", async () => {
    const places = closedHome();
    await (await openEmbeddedPostgres({ ...places, logger: silentLogger })).close();
    const copy = `${places.dataDir}-2`;
    cpSync(places.dataDir, copy, { recursive: true });
    await expect(openEmbeddedPostgres({ ...places, dataDir: copy, logger: silentLogger })).rejects.toThrow(
      `${copy} is a copy of ${places.dataDir}: its database is not inside it`,
    );
    await (await openEmbeddedPostgres({ ...places, logger: silentLogger })).close();
  });

  test('a database that moved out of reach is refused by name', async () => {
    const places = closedHome();
    const open = path.join(places.system, 'data-dir');
    await (await openEmbeddedPostgres({ dataDir: open, logger: silentLogger })).close();
    const closed = path.join(places.dataDir, '..', 'moved');
    renameSync(open, closed);
    await expect(openEmbeddedPostgres({ ...places, dataDir: closed, logger: silentLogger })).rejects.toThrow(
      /cannot reach .*moved.*allow others to enter every folder above it \(chmod o\+x\)/,
    );
  });

  test('without the install script the missing links are made, or a copy where that is not allowed', async () => {
    const shared = scratchDir();
    const nativeDir = path.join(shared, 'package', 'native');
    cpSync(path.join(installedNativeDir(), '..'), path.dirname(nativeDir), { recursive: true, verbatimSymlinks: true });
    const removeLinks = (): void => void spawnSync('find', [nativeDir, '-type', 'l', '-delete']);
    const links = (): number =>
      readdirSync(path.join(nativeDir, 'lib'), { withFileTypes: true }).filter((entry) => entry.isSymbolicLink())
        .length;

    removeLinks();
    expect(links()).toBe(0);
    // Root's package is read-only for an ordinary user.
    const dataDir = path.join(shared, 'data-dir');
    mkdirSync(dataDir, { mode: 0o700 });
    chownSync(dataDir, NOBODY, NOBODY);
    const ordinary = startHolder({ dataDir, nativeDir }, { uid: NOBODY, gid: NOBODY });
    expect(await answers((await ordinary.opened).appUrl)).toBe(true);
    expect(links()).toBe(0);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres-18'))).toHaveLength(1);
    await ordinary.close();

    const own = scratchDir();
    const postgres = await openEmbeddedPostgres({ dataDir: own, nativeDir, logger: silentLogger });
    expect(await answers(postgres.appUrl)).toBe(true);
    expect(links()).toBeGreaterThan(5);
    expect(readdirSync(own).filter((name) => name.startsWith('postgres-18'))).toEqual([]);
    await postgres.close();
  });

  test('programs that can be used nowhere are named with what to do', async () => {
    const { system, ...places } = closedHome();
    const nativeDir = path.join(places.dataDir, '..', 'package', 'native');
    cpSync(path.join(installedNativeDir(), '..'), path.dirname(nativeDir), { recursive: true, verbatimSymlinks: true });
    chmodSync(system, 0o700);
    const open = scratchDir();
    await expect(
      openEmbeddedPostgres({
        ...places,
        nativeDir,
        systemStateDir: path.join(open, 'lib'),
        systemCacheDir: path.join(system, 'cache'),
        logger: silentLogger,
      }),
    ).rejects.toThrow(/PostgreSQL programs in .*package\/native cannot be used as they are.*chmod o\+x/);
    expect(existsSync(path.join(places.dataDir, 'postgres.json'))).toBe(false);
  });
});
