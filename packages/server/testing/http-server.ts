/** The HTTP side over a real database on loopback, as tests need it. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { SCOPES, type Plan, type Scope, type AccountUuid, type BatchUuid, type KeyUuid } from '@rushes/contract';
import { createAccount, createApiKey, createKeyHasher } from '../src/accounts/index.ts';
import { createBatchService } from '../src/batches/index.ts';
import { isUnavailable, openDatabase, type Database } from '../src/db/index.ts';
import { pendingMigrations } from '../src/schema/index.ts';
import { createEgressGuard } from '../src/outbound/index.ts';
import { createAttemptTokens, createCallbackInbox } from '../src/generations/index.ts';
import { createHttpServer } from '../src/http/index.ts';
import type { HttpDeps } from '../src/http/deps.ts';
import { deriveSecrets } from '../src/config/secrets.ts';
import { createMetricRegistry } from '../src/metrics/index.ts';
import { startSealer } from '../src/sealing/index.ts';
import { systemClock, systemRandom } from '../src/system/index.ts';
import { createFileStorage, createLinkSigner, type FileStorage } from '../src/videos/index.ts';
import { callbackReaders } from '../src/routes/upstream-routes.ts';
import { createSecretSealer } from '../src/webhooks/index.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { OpenApiCheckedClient } from './openapi-checked-client.ts';
import { silentLogger } from './silent-logger.ts';

export interface TestAccount {
  readonly accountUuid: AccountUuid;
  readonly keyUuid: KeyUuid;
  /** Text of the key. */
  readonly key: string;
}

export interface TestHttpServer {
  readonly url: string;
  readonly client: OpenApiCheckedClient;
  readonly deps: HttpDeps;
  readonly db: Database;
  /** As superuser, for what no application does: tampering, looking at everything. */
  readonly admin: Database;
  readonly storage: FileStorage;
  /** An enterprise account with a key for `scopes`, every one by default, and `credits` granted. */
  account(options?: { scopes?: readonly Scope[]; credits?: number; plan?: Plan; name?: string }): Promise<TestAccount>;
  /** Puts bytes into the storage and marks the task as succeeded with them. */
  storeVideo(accountUuid: AccountUuid, batchUuid: BatchUuid, index: number, content: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

async function open(url: string): Promise<Database> {
  return openDatabase({ url, applicationName: 'rushes-test', maxConnections: 10, onConnectionError: () => undefined });
}

export async function startTestHttpServer(
  override: (deps: HttpDeps) => HttpDeps = (deps) => deps,
): Promise<TestHttpServer> {
  const database: TestDatabase = await createTestDatabase();
  const db = await open(database.appUrl);
  const admin = await open(database.adminUrl);
  const root = await mkdtemp(path.join(tmpdir(), 'rushes-http-test-'));
  const storage = createFileStorage({ root, random: systemRandom });
  const secrets = deriveSecrets(randomBytes(32));
  const keyHasher = createKeyHasher(secrets.apiKeyHashing);
  const deps = override({
    db,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    keyHasher,
    batches: createBatchService({
      db,
      random: systemRandom,
      routeFor: () => 'simulator',
      modelTimeoutMs: () => 600_000,
    }),
    linkSigner: createLinkSigner(secrets.linkSigning),
    videoStorage: storage,
    webhookSealer: createSecretSealer({ key: secrets.webhookSealing, random: systemRandom }),
    webhookGuard: createEgressGuard({
      allowCidrs: ['127.0.0.0/8'],
      development: false,
      resolver: () => Promise.resolve(['93.184.216.34']),
    }),
    metrics: createMetricRegistry(),
    metricsArePublic: false,
    callbacks: createCallbackInbox({
      db,
      tokens: createAttemptTokens(secrets.upstreamTokens),
      readers: callbackReaders(),
    }),
    isUnavailable,
    pendingMigrations: () => pendingMigrations((sql) => db.query(sql)),
    serverName: 'test.example',
    publicUrl: null,
    version: '0.0.0-test',
  });
  const server = createHttpServer(deps, { host: '127.0.0.1', port: 0 });
  const { url } = await server.listen();
  const client = await OpenApiCheckedClient.connect(url);
  const sealer = startSealer({
    db,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    keysDirectory: path.join(root, 'ledger-keys'),
    serverName: deps.serverName,
    pollMs: 10,
  });
  return {
    url,
    client,
    deps,
    db,
    admin,
    storage,
    async account({ scopes = SCOPES, credits = 0, plan = 'enterprise', name = 'Test' } = {}) {
      const accountUuid = await createAccount(db, systemRandom, { name, plan, mode: 'test' });
      if (credits > 0) {
        await db.query("SELECT issue_credits($1, 'grant', $2, 'for a test', 'test')", [accountUuid, credits]);
      }
      const created = await createApiKey(db, systemRandom, keyHasher, { accountUuid, name: 'test', scopes });
      if (!created.ok) throw new Error(created.refusal.detail);
      return { accountUuid, keyUuid: created.value.keyUuid, key: created.value.text };
    },
    async storeVideo(accountUuid, batchUuid, index, content) {
      const key = `${accountUuid}/${batchUuid}/${index}`;
      const stored = await storage.put(key, Readable.from([content]), 'video/mp4', 10_000_000);
      const [task] = await db.query<{ fence: number }>(
        'SELECT fence FROM tasks WHERE account_id = $1 AND batch_id = $2 AND task_index = $3',
        [accountUuid, batchUuid, index],
      );
      await admin.query(
        `UPDATE tasks SET state = 'succeeded', resolution = 'charge', finished_at = rushes_now(), started_at = rushes_now(),
           video_key = $4, video_bytes = $5, video_sha256 = $6, video_content_type = 'video/mp4', fence = $7
         WHERE account_id = $1 AND batch_id = $2 AND task_index = $3`,
        [
          accountUuid,
          batchUuid,
          index,
          key,
          stored.bytes,
          createHash('sha256').update(content).digest(),
          task?.fence ?? 0,
        ],
      );
    },
    async close() {
      await server.close();
      await sealer.stop();
      await db.close();
      await admin.close();
      await database.drop();
      await rm(root, { recursive: true, force: true });
    },
  };
}
