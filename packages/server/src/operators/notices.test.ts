import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import { testUuid } from '../../testing/test-uuid.ts';
import { openDatabase, type Database } from '../db/index.ts';
import type { Logger } from '../ports.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { listOperatorEvents, startOperatorNotices } from './index.ts';

const ACCOUNT = testUuid<'acct'>('0198c0de-0000-7000-8000-000000000001');

describe('a notice to the operator', () => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = openDatabase({
      url: database.appUrl,
      applicationName: 'test',
      maxConnections: 2,
      onConnectionError: () => undefined,
    });
  });
  afterAll(async () => {
    await db.close();
    await database.drop();
  });

  it('is logged with an alert at once and recorded once, although the database was away and an answer was lost', async ({
    onTestFinished,
  }) => {
    const alerts: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (fields, message) => void alerts.push([fields, message]) };
    let tries = 0;
    const flaky: Database = {
      ...db,
      async query(sql, values) {
        tries += 1;
        if (tries === 1) throw new Error('away');
        const rows = await db.query(sql, values);
        if (tries === 2) throw new Error('the answer was lost');
        return rows as never;
      },
    };
    const clock = { ...systemClock, sleep: () => Promise.resolve() };
    const notices = startOperatorNotices({ db: flaky, clock, random: systemRandom, logger });
    onTestFinished(() => notices.stop());
    notices.add({ type: 'account.quarantined', accountUuid: ACCOUNT, detail: { what: 'settling' } });
    expect(alerts).toHaveLength(1);
    await expect.poll(() => tries).toBe(3);
    await notices.stop();
    const events = await listOperatorEvents(db, { accountUuid: ACCOUNT, limit: 10 });
    expect(events).toMatchObject([{ type: 'account.quarantined', detail: { what: 'settling' } }]);
  });
});
