/** The composition root: builds ports, rooms, HTTP and worker, and knows how they start and stop together. */
import path from 'node:path';
import { createKeyHasher } from './accounts/index.ts';
import { createBatchService } from './batches/index.ts';
import type { Config } from './config/index.ts';
import { accessDatabase, type DatabaseAccess } from './postgres/index.ts';
import { isUnavailable } from './db/index.ts';
import { createEgressGuard, createNameResolver, type EgressGuard } from './outbound/index.ts';
import { createAttemptTokens, createCallbackInbox } from './generations/index.ts';
import { startHousekeeping } from './retention/index.ts';
import { createHttpServer, type HttpServer } from './http/index.ts';
import { startOperatorNotices, type OperatorNotice } from './operators/index.ts';
import { createHttpClient } from './outbound/index.ts';
import { createResultHttp } from './outbound/index.ts';
import { createMetricRegistry, startMetricsServer, type MetricRegistry } from './metrics/index.ts';
import type { Logger } from './ports.ts';
import { findDeadProcesses, forget, registerProcess } from './processes/index.ts';
import { startSealer } from './sealing/index.ts';
import { LEDGER_CHECK_ANSWER_TIMEOUT_MS, showLedgerState, startLedgerCheck } from './checking/index.ts';
import { deriveSecrets, type Secrets } from './config/index.ts';
import { openSharedSimulator } from './routes/index.ts';
import { systemClock as clock, systemRandom as random } from './system/index.ts';
import { callbackReaders, modelTimeoutMs, routeFor, upstreamOrigins, upstreamRoutes } from './routes/index.ts';
import { createFileStorage, createLinkSigner, type FileStorage } from './videos/index.ts';
import {
  createSecretSealer,
  createWebhookSender,
  measuredSender,
  startDelivery,
  type SecretSealer,
} from './webhooks/index.ts';
import { startWorker, type WorkerNotice } from './worker/index.ts';

export type Role = 'all' | 'api' | 'worker';

export interface App {
  /** The address of the API; null for a worker, which does not listen. */
  readonly url: string | null;
  /** Stops: takes no new work, finishes open work, closes connections. Idempotent. */
  stop(): Promise<void>;
}

const API_CONNECTIONS = 12;
const DELIVERY_CONNECTIONS = 4;
const WATCH_CONNECTIONS = 1;
const CHECK_CONNECTIONS = 1;
/** The worker's own: a lease that cannot be renewed because requests hold every connection is lost. */
const WORKER_CONNECTIONS = 8;

export interface AppOptions {
  readonly config: Config;
  readonly role: Role;
  readonly logger: Logger;
  /** Of this build, for the API's description. */
  readonly version: string;
}

/** Starts the server in one of its roles. When it rejects, no part of it is left running. */
export async function startApp(options: AppOptions): Promise<App> {
  const { logger } = options;
  const closers: Closers = [];
  const closeAll = async (): Promise<void> => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
      try {
        await close();
      } catch (error) {
        logger.error({ err: error }, 'a part of the server did not stop properly');
      }
    }
  };
  try {
    const url = await start(options, closers);
    let stopping: Promise<void> | null = null;
    return { url, stop: () => (stopping ??= closeAll()) };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** What both sides of the server are made of. */
interface Shared {
  readonly config: Config;
  readonly logger: Logger;
  readonly registry: MetricRegistry;
  readonly secrets: Secrets;
  readonly access: DatabaseAccess;
  readonly storage: FileStorage;
  readonly webhookSealer: SecretSealer;
  readonly webhookGuard: EgressGuard;
}

type Closers = (() => Promise<void>)[];

async function start({ config, role, logger, version }: AppOptions, closers: Closers): Promise<string | null> {
  const secrets = deriveSecrets(config.secretKey);
  const connections = (role === 'worker' ? 0 : API_CONNECTIONS) + (role === 'api' ? 0 : DELIVERY_CONNECTIONS);
  const access = await accessDatabase(config, logger, connections);
  closers.push(() => access.close());
  if (access.protection?.level === 'reduced') {
    logger.warn({ reason: access.protection.reason }, 'the protection of the ledger is reduced');
  }
  const registry = createMetricRegistry();
  // Its own connections: metrics are read in the very hour in which requests hold all the others.
  showLedgerState(registry.metrics, access.openPool(WATCH_CONNECTIONS), clock);
  const shared: Shared = {
    config,
    logger,
    registry,
    secrets,
    access,
    storage: createFileStorage({ root: path.join(config.dataDir, 'videos'), random }),
    webhookSealer: createSecretSealer({ key: secrets.webhookSealing, random }),
    webhookGuard: createEgressGuard({
      allowCidrs: config.webhookAllowCidrs,
      denyCidrs: config.webhookDenyCidrs,
      development: config.env === 'development',
      resolver: createNameResolver(),
    }),
  };
  // Listening comes first: when the port is taken, nothing has been begun.
  const server = role === 'worker' ? null : createServer(shared, version);
  const closeServer = (): Promise<void> => server?.close() ?? Promise.resolve();
  closers.push(closeServer);
  const url = server === null ? null : (await server.listen()).url;
  await serveMetrics(shared, closers);
  if (role !== 'api') await startWork(shared, closers);
  // Stopping begins with the door.
  closers.push(closeServer);
  return url;
}

async function serveMetrics({ config, registry, logger }: Shared, closers: Closers): Promise<void> {
  if (config.metricsListener === null) return;
  const server = await startMetricsServer({ ...config.metricsListener, registry, logger });
  closers.push(() => server.close());
}

function createServer(shared: Shared, version: string): HttpServer {
  const { config, logger, secrets, access } = shared;
  const { db } = access;
  return createHttpServer(
    {
      db,
      clock,
      random,
      logger: logger.child({ room: 'http' }),
      keyHasher: createKeyHasher(secrets.apiKeyHashing),
      linkSigner: createLinkSigner(secrets.linkSigning),
      videoStorage: shared.storage,
      batches: createBatchService({
        db,
        random,
        routeFor: (model, mode) => routeFor(config, model, mode),
        modelTimeoutMs: (model) => modelTimeoutMs(config, model),
      }),
      webhookSealer: shared.webhookSealer,
      webhookGuard: shared.webhookGuard,
      callbacks: createCallbackInbox({
        db,
        tokens: createAttemptTokens(secrets.upstreamTokens),
        readers: callbackReaders(),
      }),
      metrics: shared.registry,
      metricsArePublic: config.env === 'development',
      isUnavailable,
      pendingMigrations: () => access.pendingMigrations(),
      serverName: config.serverName,
      publicUrl: config.publicUrl,
      version,
    },
    { host: config.host, port: config.port },
  );
}

async function startWork(shared: Shared, closers: Closers): Promise<void> {
  const { config, logger, secrets, access } = shared;
  const { db } = access;
  const http = createHttpClient();
  closers.push(() => http.close());
  const workerId = random.uuid();
  const registered = registerProcess(config.dataDir, { workerId });
  closers.push(() => {
    registered.release();
    return Promise.resolve();
  });
  const simulator = await openSharedSimulator({ config, http, clock, logger });
  closers.push(() => simulator.close());
  const results = createResultHttp({
    upstreamUrls: upstreamOrigins(config),
    isTrustedOrigin: (origin) => origin === simulator.origin(),
  });
  closers.push(() => results.close());
  const tokens = createAttemptTokens(secrets.upstreamTokens);
  const notices = startOperatorNotices({ db, clock, random, logger: logger.child({ room: 'worker' }) });
  closers.push(() => notices.stop());
  const worker = await startWorker({
    workerId,
    db: access.openPool(WORKER_CONNECTIONS),
    clock,
    random,
    logger: logger.child({ room: 'worker' }),
    http: results,
    storage: shared.storage,
    metrics: shared.registry.metrics,
    routes: upstreamRoutes(config, simulator.upstream, http, clock),
    concurrency: config.workerConcurrency,
    leaseMs: config.leaseMs,
    dispatchIntervalMs: config.dispatchIntervalMs,
    tokenFor: ({ route, accountUuid, batchUuid, index }, attempt) =>
      tokens.tokenFor(route, { accountUuid, batchUuid, index, attempt }),
    deadWorkers: async () =>
      (await findDeadProcesses(config.dataDir)).map((dead) => ({
        workerId: dead.workerId,
        forget: () => forget(dead),
      })),
    tell: (notice) => {
      notices.add(operatorNoticeOf(notice, workerId));
    },
  });
  closers.push(() => worker.stop());
  const housekeeping = startHousekeeping({ db, storage: shared.storage, clock, logger });
  closers.push(() => housekeeping.stop());
  const sender = measuredSender(createWebhookSender({ guard: shared.webhookGuard, clock }), shared.registry.metrics);
  closers.push(() => sender.close());
  const delivery = startDelivery({
    db,
    clock,
    random,
    logger: logger.child({ room: 'webhooks' }),
    sealer: shared.webhookSealer,
    sender,
    attemptTimesMs: config.webhookRetryDelaysMs,
    disableAfterMs: config.webhookDisableAfterMs,
  });
  closers.push(() => delivery.stop());
  startLedgerKeeping(shared, closers);
}

function operatorNoticeOf(notice: WorkerNotice, workerId: string): OperatorNotice {
  if (notice.type === 'route.unserved') {
    const { type, route, batches, tasks } = notice;
    const advice = `tasks wait for route ${route}, but none of them runs: no worker serves the route, or its upstream cannot be reached`;
    return { type, accountUuid: null, detail: { route, batches, tasks, advice } };
  }
  const { type, accountUuid, ...detail } = notice;
  return { type, accountUuid, detail: { ...detail, worker_id: workerId } };
}

/** The sealer and the scheduled check of the ledger. */
function startLedgerKeeping({ config, logger, registry: { metrics }, access }: Shared, closers: Closers): void {
  const keysDirectory = config.ledgerKeysDir;
  const common = { db: access.db, clock, random, logger: logger.child({ room: 'sealing' }), metrics, keysDirectory };
  const sealer = startSealer({ ...common, serverName: config.serverName });
  closers.push(() => sealer.stop());
  const db = access.openPool(CHECK_CONNECTIONS, LEDGER_CHECK_ANSWER_TIMEOUT_MS);
  const check = startLedgerCheck({ ...common, db, intervalMs: config.ledgerCheckIntervalMs });
  closers.push(() => check.stop());
}
