/**
 * One real PostgreSQL for all test files of a run, started by the launcher under test elsewhere. Its address reaches
 * the test processes through vitest's `provide`; they make databases of their own in it (database.ts).
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { openEmbeddedPostgres } from '../src/postgres/open.ts';
import { silentLogger } from './silent-logger.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's and application's URLs of the run's cluster; the database in them is not for tests. */
    testPostgres: { readonly adminUrl: string; readonly appUrl: string };
  }
}

const PREFIX = 'rushes-test-postgres-';

/** Starts the cluster; what it returns stops and removes it. */
export default async function startTestPostgres(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftOvers();
  const dataDir = mkdtempSync(path.join(tmpdir(), `${PREFIX}${process.pid}-`));
  const postgres = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
  await relaxDurability(postgres.adminUrl);
  project.provide('testPostgres', { adminUrl: postgres.adminUrl, appUrl: postgres.appUrl });
  return async () => {
    await postgres.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

/**
 * No test of this cluster survives a power cut, so commits need not wait for the disk. Tests about durability start a
 * server of their own. (The launcher gives fsync on the command line, where nothing can override it; this it leaves.)
 */
async function relaxDurability(adminUrl: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query('ALTER ROLE ALL SET synchronous_commit = off');
  } finally {
    await client.end();
  }
}

/** A run that was killed left its Postgres behind: the launcher takes such an orphan over, and closing it ends it. */
async function removeLeftOvers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isRunning(pid)) continue;
    const dataDir = path.join(tmpdir(), name);
    try {
      if (statSync(dataDir).uid !== process.getuid?.()) continue;
      const orphan = await openEmbeddedPostgres({ dataDir, logger: silentLogger });
      await orphan.close();
      // Not so when a run in another container, whose pids we cannot see, shares the folder.
      if (orphan.owned) rmSync(dataDir, { recursive: true, force: true });
    } catch (error) {
      // Never a reason not to run the tests: another run may be removing it at this moment.
      console.error(`${dataDir} is left over from an earlier run and could not be removed:`, error);
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
