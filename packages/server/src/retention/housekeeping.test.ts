import { randomUUID } from 'node:crypto';
import { mkdtemp, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { eventually } from '../../testing/server-process.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import { createAccount } from '../accounts/index.ts';
import { openDatabase, type Database } from '../db/index.ts';
import { startHousekeeping } from './index.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { createFileStorage } from '../videos/index.ts';

describe('housekeeping', () => {
  let database: TestDatabase;
  let db: Database;
  let root: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = openDatabase({
      url: database.appUrl,
      applicationName: 'test',
      maxConnections: 2,
      onConnectionError: () => undefined,
    });
    root = await mkdtemp(path.join(tmpdir(), 'rushes-test-'));
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
    await rm(root, { recursive: true, force: true });
  });

  it('forgets answered request_ids after 72 hours and removes day-old remains, and nothing younger', async () => {
    const accountUuid = await createAccount(db, systemRandom, { name: 'a', plan: 'pilot', mode: 'test' });
    for (const hours of [71, 73]) {
      await db.query(
        `INSERT INTO idempotency_keys (account_id, route, request_id, request_hash, resource_id, created_at)
         VALUES ($1, 'r', $2, '\\x00', $3, rushes_now() - $4 * interval '1 hour')`,
        [accountUuid, `${hours}`, randomUUID(), hours],
      );
    }
    await mkdir(path.join(root, '.tmp'), { recursive: true });
    const old = path.join(root, '.tmp', `${randomUUID()}.part`);
    const young = path.join(root, '.tmp', `${randomUUID()}.part`);
    for (const file of [old, young]) await writeFile(file, 'x');
    const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
    await utimes(old, twoDaysAgo, twoDaysAgo);

    const storage = createFileStorage({ root, random: systemRandom });
    const housekeeping = startHousekeeping({ db, storage, clock: systemClock, logger: silentLogger });
    await eventually('the end of the first round', 10_000, async () =>
      (await readdir(path.join(root, '.tmp'))).length === 1 ? true : null,
    );
    await housekeeping.stop();
    expect(await readdir(path.join(root, '.tmp'))).toEqual([path.basename(young)]);
    expect(await db.query('SELECT request_id FROM idempotency_keys')).toEqual([{ request_id: '71' }]);
  });
});
