/**
 * What many slow generations cost a worker: memory with all of them in flight, and requests a second to their upstream. The
 * real worker over a real PostgreSQL; videos take 50 to 70 s; each seat is filled again as it becomes free.
 *
 *   node --expose-gc bench/polling.ts [IN_FLIGHT] [many|single] [REQUESTS_PER_S] [SECONDS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { openDatabase, type Database } from '../packages/server/src/db/index.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import type { HttpClient, VideoStorage } from '../packages/server/src/ports.ts';
import { createLogger, systemClock, systemRandom } from '../packages/server/src/system/index.ts';
import type { PollResult, Upstream } from '../packages/server/src/upstreams/index.ts';
import { startWorker } from '../packages/server/src/worker/index.ts';
import { seedAccounts, seedBatches } from './engine-seed.ts';

const [inFlightText = '10000', how = 'many', rateText = 'Infinity', secondsText = '200'] = process.argv.slice(2);
const inFlight = Number(inFlightText);
const requestsPerSecond = Number(rateText);
const seconds = Number(secondsText);
const BATCH_SIZE = 10_000;
const TASKS = inFlight * Math.ceil(seconds / 60 + 1);
const SHORTEST_MS = 50_000;
const LONGEST_MS = 70_000;
/** By then the first generations have ended, and the worker knows how long they take. */
const WARM_UP_MS = 80_000;

const logger = createLogger('error');
const clip = Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from('ftypisom'), Buffer.alloc(4)]);

let requests = 0;
let questions = 0;
const delaysMs: number[] = [];
/** When each generation ends. */
const endsAtMs = new Map<string, number>();

function answer(id: string): PollResult {
  questions += 1;
  const endMs = endsAtMs.get(id);
  if (endMs === undefined) return { kind: 'gone', detail: id };
  if (performance.now() < endMs) return { kind: 'running', progress: null };
  endsAtMs.delete(id);
  delaysMs.push(performance.now() - endMs);
  return { kind: 'succeeded', videoUrl: 'http://localhost/' };
}

let started = 0;
const upstream: Upstream = {
  name: 'bench',
  resultLifetimeMs: 3_600_000,
  submit() {
    const upstreamId = `gen-${String((started += 1))}`;
    endsAtMs.set(upstreamId, performance.now() + SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS));
    return Promise.resolve({ kind: 'accepted', upstreamId });
  },
  poll(id) {
    requests += 1;
    return Promise.resolve(answer(id));
  },
  ...(how === 'many'
    ? {
        pollMany(ids: readonly string[]) {
          requests += 1;
          return Promise.resolve(ids.map(answer));
        },
      }
    : {}),
};
const http: HttpClient = {
  request: () => Promise.reject(new Error('not used')),
  stream: () => Promise.resolve({ status: 200, headers: {}, body: Readable.from([clip]) }),
};
const storage: VideoStorage & { freeBytes(): Promise<number> } = {
  put: async (key, content) => {
    let bytes = 0;
    for await (const chunk of content) bytes += (chunk as Buffer).length;
    return { key, bytes, sha256: Buffer.alloc(32), contentType: 'video/mp4' };
  },
  read: () => Promise.reject(new Error('not used')),
  size: () => Promise.resolve(null),
  remove: () => Promise.resolve(),
  freeBytes: () => Promise.resolve(Number.MAX_SAFE_INTEGER),
};

/** Megabytes that are still in use after a collection. */
function usedMb(): { heap: number; rss: number } {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('start node with --expose-gc');
  gc();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed / 1e6, rss: rss / 1e6 };
}

const dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
const postgres = await openEmbeddedPostgres({ dataDir, logger });
try {
  await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
  const open = (url: string): Database =>
    openDatabase({ url, applicationName: 'bench', maxConnections: 8, onConnectionError: () => undefined });
  const db = open(postgres.appUrl);
  await seedBatches(postgres.adminUrl, await seedAccounts(postgres.adminUrl, 1), TASKS, BATCH_SIZE);
  const before = usedMb();
  const worker = await startWorker({
    workerId: systemRandom.uuid(),
    db,
    clock: systemClock,
    random: systemRandom,
    logger,
    http,
    storage,
    routes: [
      {
        name: 'bench',
        upstream,
        maxConcurrentTasks: 1_000_000,
        upstreamModel: (model) => model,
        pollIntervalMs: [2_000, 15_000],
        pollRequestsPerSecond: requestsPerSecond,
        retry: { maxFailures: 3, baseDelayMs: 100, maxDelayMs: 1_000 },
        unknownWaitMs: 1_000,
      },
    ],
    concurrency: inFlight,
    leaseMs: 30_000,
    dispatchIntervalMs: 50,
    tokenFor: (task, attempt) => `${task.batchUuid}-${String(task.index)}-${String(attempt)}`,
    deadWorkers: () => Promise.resolve([]),
  });
  while (endsAtMs.size < inFlight * 0.99) await systemClock.sleep(100);
  const full = usedMb();
  console.log(
    `${String(worker.tasksInFlight)} in flight: heap ${full.heap.toFixed(0)} MB, ${(full.heap - before.heap).toFixed(0)} more than idle; resident ${full.rss.toFixed(0)} MB`,
  );
  await systemClock.sleep(WARM_UP_MS);
  const [requestsBefore, questionsBefore, endedBefore] = [requests, questions, delaysMs.length];
  const cpuBefore = process.cpuUsage();
  const sinceMs = performance.now();
  await systemClock.sleep(Math.max(30_000, seconds * 1_000 - WARM_UP_MS));
  const tookS = (performance.now() - sinceMs) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const delays = delaysMs.slice(endedBefore).toSorted((a, b) => a - b);
  const at = (share: number): string => ((delays[Math.floor(delays.length * share)] ?? 0) / 1_000).toFixed(1);
  console.log(
    `${((requests - requestsBefore) / tookS).toFixed(1)} requests a second for ${((questions - questionsBefore) / tookS).toFixed(0)} questions; ` +
      `${(delays.length / tookS).toFixed(0)} videos a second, ${((questions - questionsBefore) / delays.length).toFixed(1)} questions each; ` +
      `a result was seen ${at(0.5)} s (median), ${at(0.95)} s (95 %) after it was there; ` +
      `${((cpu.user + cpu.system) / 1e4 / tookS).toFixed(0)} % of one core`,
  );
  await worker.stop();
  await db.close();
} finally {
  await postgres.close();
  rmSync(dataDir, { recursive: true, force: true });
}
