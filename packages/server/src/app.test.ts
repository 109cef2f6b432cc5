import { randomUUID } from 'node:crypto';
import { accountIds, batchIds } from '@rushes/contract';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../testing/database.ts';
import {
  createAccount,
  eventually,
  startProcess,
  temporaryDirectory,
  type NewAccount,
  type ServerProcess,
} from '../testing/server-process.ts';

/** More than a server has connections to its database. */
const HELD_REQUESTS = 24;

let database: TestDatabase;
let folder: ReturnType<typeof temporaryDirectory>;
let env: Record<string, string>;
let server: ServerProcess;
let holder: Client;
let watcher: Client;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = temporaryDirectory();
  holder = new Client({ connectionString: database.adminUrl });
  watcher = new Client({ connectionString: database.adminUrl });
  await Promise.all([holder, watcher].map((client) => client.connect()));
  env = {
    RUSHES_PORT: '0',
    DATABASE_URL: database.appUrl,
    DATABASE_MIGRATION_URL: database.adminUrl,
    RUSHES_SIMULATOR_LATENCY_MS: '10-20',
  };
});
afterEach(async () => {
  await Promise.all([holder, watcher].map((client) => client.end()));
  await server.stop();
  await database.drop();
  folder.remove();
});

async function submit(account: NewAccount, prompt: string): Promise<string> {
  const response = await fetch(`${server.url}/v1/batches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.api_key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      request_id: randomUUID(),
      model: 'sora-2',
      items: Array.from({ length: 10 }, (_, index) => ({ prompt: `${prompt} ${index}` })),
    }),
  });
  return ((await response.json()) as { id: string }).id;
}

it('requests that hold every connection of the API do not keep the worker from its tasks', async () => {
  const options = { dataDir: folder.path, env };
  const flags = ['--name', 'Test', '--plan', 'enterprise', '--credits', '1000000', '--mode', 'test'];
  server = await startProcess(['start'], options);
  const [locked, free] = [await createAccount(options, flags), await createAccount(options, flags)];
  const batch = await submit(free, '[sim:delay=2s]');
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM credit_accounts WHERE account_id = $1 FOR UPDATE', [
    accountIds.parse(locked.account_id),
  ]);
  const held = Array.from({ length: HELD_REQUESTS }, () => submit(locked, 'a scene').catch(() => null));
  await eventually('requests that wait', 8_000, async () => {
    const waiting = await watcher.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return (waiting.rowCount ?? 0) >= 12 ? true : null;
  });
  await eventually('end of the batch', 8_000, async () => {
    const found = await watcher.query('SELECT 1 FROM batches WHERE batch_id = $1 AND finished_at IS NOT NULL', [
      batchIds.parse(batch),
    ]);
    return found.rowCount === 1 ? true : null;
  });
  await holder.query('ROLLBACK');
  expect(await Promise.all(held)).toHaveLength(HELD_REQUESTS);
});
