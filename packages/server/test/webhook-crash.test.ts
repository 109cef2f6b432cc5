import { accountIds, eventIds, type WebhookEndpointWithSecret } from '@rushes/contract';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../testing/database.ts';
import {
  createAccount,
  eventually,
  startProcess,
  temporaryDirectory,
  type ServerProcess,
} from '../testing/server-process.ts';
import { openDatabase, type Database } from '../src/db/index.ts';
import { startReceiver, type Answer, type Receiver } from '../testing/webhooks/receiver.ts';

const EVENTS = 1_000;
const ROUNDS = 4;
/** Past the lock that a killed server leaves on its attempts. */
const PAST_THE_LOCK_MS = 31_000;
const PATIENCE_MS = 60_000;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function settableDatabase(): Promise<{ database: TestDatabase; admin: Database }> {
  const database = await createTestDatabase();
  cleanUps.push(() => database.drop());
  const admin = openDatabase({
    url: database.adminUrl,
    applicationName: 'test',
    maxConnections: 3,
    onConnectionError: () => undefined,
  });
  cleanUps.push(() => admin.close());
  await admin.query('CREATE TABLE test_clock (ahead interval NOT NULL)');
  await admin.query(`INSERT INTO test_clock VALUES ('0')`);
  await admin.query('GRANT SELECT ON test_clock TO PUBLIC');
  await admin.query(`CREATE OR REPLACE FUNCTION rushes_now() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT clock_timestamp() + ahead FROM public.test_clock $$`);
  return { database, admin };
}

describe('1,000 events while the receiver is killed and restarted and the server is killed and restarted', () => {
  it('are all delivered or exhausted: none lost, no number missing', { timeout: 300_000 }, async () => {
    const { database, admin } = await settableDatabase();
    const directory = temporaryDirectory();
    cleanUps.push(() => directory.remove());
    const options = {
      dataDir: directory.path,
      env: {
        DATABASE_URL: database.appUrl,
        DATABASE_MIGRATION_URL: database.adminUrl,
        RUSHES_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
        RUSHES_WEBHOOK_ALLOW_CIDRS: '127.0.0.1',
        RUSHES_WEBHOOK_RETRY_DELAYS_MS: '0,2000,4000',
        RUSHES_WEBHOOK_DISABLE_AFTER_HOURS: '0',
      },
    };
    let server: ServerProcess = await startProcess(['start', '--port', '0'], options);
    cleanUps.push(() => server.kill());
    const account = await createAccount(options, ['--name', 'Hooks', '--plan', 'pilot', '--credits', '0']);
    const accountUuid = accountIds.parse(account.account_id)!;

    let secret = '';
    const accepted = new Set<string>();
    const forged: string[] = [];
    const answer: Answer = (response, { headers, body }) => {
      try {
        new Webhook(secret).verify(body, headers as Record<string, string>);
      } catch {
        forged.push(body);
      }
      // Kept before the answer: a receiver that is killed between the two has the event.
      accepted.add(String(headers['webhook-id']));
      response.end();
    };
    let receiver: Receiver = await startReceiver(answer);
    cleanUps.push(() => receiver.close());
    const { port, url } = receiver;
    const created = await fetch(`${server.url ?? ''}/v1/webhook-endpoints`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.api_key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url, events: ['webhook.test'] }),
    });
    expect(created.status).toBe(201);
    secret = ((await created.json()) as WebhookEndpointWithSecret).secret ?? '';

    for (let round = 0; round < ROUNDS; round += 1) {
      const goal = accepted.size + 60;
      await admin.query(
        `SELECT append_event($1, 'webhook.test', NULL, NULL, NULL, '{}') FROM generate_series(1, $2::integer)`,
        [accountUuid, EVENTS / ROUNDS],
      );
      await eventually('deliveries under way', PATIENCE_MS, () => Promise.resolve(accepted.size >= goal ? true : null));
      // The two die in turns: the receiver first, so that attempts fail, then the server in the middle of them.
      await receiver.close();
      await eventually('an attempt that failed', PATIENCE_MS, async () => {
        const failed = await admin.query('SELECT 1 FROM webhook_attempts WHERE status_code IS NULL LIMIT 1');
        return failed.length > 0 ? true : null;
      });
      await server.kill();
      receiver = await startReceiver(answer, port);
      server = await startProcess(['start', '--port', '0'], options);
      await admin.query(`UPDATE test_clock SET ahead = ahead + $1 * interval '1 millisecond'`, [PAST_THE_LOCK_MS]);
    }

    const deliveries = await eventually('the end of every delivery', PATIENCE_MS, async () => {
      const rows = await admin.query<{ seq: number; state: string; attempts: number }>(
        `SELECT d.event_seq AS seq, d.state, d.attempts FROM webhook_deliveries d ORDER BY d.event_seq`,
      );
      return rows.length === EVENTS && rows.every(({ state }) => state !== 'pending') ? rows : null;
    });
    const events = await admin.query<{ seq: number; type: string }>('SELECT seq, type FROM events ORDER BY seq');
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    expect(deliveries.map(({ seq }) => seq)).toEqual(
      events.filter(({ type }) => type === 'webhook.test').map(({ seq }) => seq),
    );
    const lost = deliveries.filter(
      ({ seq, state }) => state === 'delivered' && !accepted.has(eventIds.format(accountUuid, seq)),
    );
    expect(lost).toEqual([]);
    expect(forged).toEqual([]);
    for (const { state, attempts } of deliveries) if (state === 'exhausted') expect(attempts).toBeGreaterThanOrEqual(3);
    // Otherwise nothing was ever repeated, and the kills proved nothing.
    expect(deliveries.some(({ attempts }) => attempts > 1)).toBe(true);
    expect(await server.stop()).toBe(0);
  });
});
