/**
 * Our contender: the real worker over the real database, with an upstream and a video storage in this process that do
 * nothing. Started by `engine.ts`.
 */
import { Readable } from 'node:stream';
import { openDatabase } from '../packages/server/src/db/index.ts';
import type { HttpClient, VideoStorage } from '../packages/server/src/ports.ts';
import { createLogger, systemClock, systemRandom } from '../packages/server/src/system/index.ts';
import type { PollResult, Upstream } from '../packages/server/src/upstreams/index.ts';
import { startWorker } from '../packages/server/src/worker/index.ts';
import { measured, type Contender } from './engine-measured.ts';

export interface WorkerSettings {
  readonly url: string;
  readonly concurrency: number;
  /** How long the upstream works on a video; 0 answers the first question with the video. */
  readonly generationMs: number;
  /** Every so many tasks of a batch the upstream's moderation refuses the result, which is refunded; 0 for none. */
  readonly failEvery: number;
  /** Whether to tell when each task was submitted. */
  readonly recordSubmissions: boolean;
}

/** Times are the wall clock's milliseconds; ids are `batch:index`. */
export interface WorkerReport {
  readonly submissions: readonly (readonly [id: string, atMs: number])[];
  readonly failures: readonly (readonly [id: string, atMs: number])[];
}

const ROUTE = 'bench';
/** As many as a worker of the server has (app.ts). */
const CONNECTIONS = 8;
const LOOK_INTERVAL_MS = 10;

const clip = Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from('ftypisom'), Buffer.alloc(4)]);
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

function createUpstream(settings: WorkerSettings): { upstream: Upstream; report: WorkerReport } {
  const submissions: [string, number][] = [];
  const failures: [string, number][] = [];
  const readyAtMs = new Map<string, number>();
  const answer = (upstreamId: string): PollResult => {
    if (settings.generationMs > 0) {
      if (performance.now() < (readyAtMs.get(upstreamId) ?? 0)) return { kind: 'running', progress: null };
      readyAtMs.delete(upstreamId);
    }
    const [batchUuid = '', index = ''] = upstreamId.split(':');
    if (settings.failEvery > 0 && Number(index) % settings.failEvery === 0) {
      failures.push([`${batchUuid}:${index}`, Date.now()]);
      return { kind: 'failed', failure: { type: 'moderation_output', detail: 'refused by the benchmark' } };
    }
    return { kind: 'succeeded', videoUrl: 'http://localhost/' };
  };
  const upstream: Upstream = {
    name: ROUTE,
    resultLifetimeMs: 3_600_000,
    submit({ token }) {
      if (settings.generationMs > 0) readyAtMs.set(token, performance.now() + settings.generationMs);
      if (settings.recordSubmissions) {
        const [batchUuid = '', index = ''] = token.split(':');
        submissions.push([`${batchUuid}:${index}`, Date.now()]);
      }
      return Promise.resolve({ kind: 'accepted', upstreamId: token });
    },
    poll: (upstreamId) => Promise.resolve(answer(upstreamId)),
  };
  return { upstream, report: { submissions, failures } };
}

async function prepare(settings: WorkerSettings): Promise<Contender<WorkerReport>> {
  const logger = createLogger('error');
  const db = openDatabase({
    url: settings.url,
    applicationName: 'bench',
    maxConnections: CONNECTIONS,
    onConnectionError: (error) => logger.error({ err: error }, 'a connection broke'),
  });
  const { upstream, report } = createUpstream(settings);
  let worker: Awaited<ReturnType<typeof startWorker>> | null = null;
  return {
    async run(stop) {
      worker = await startWorker({
        workerId: systemRandom.uuid(),
        db,
        clock: systemClock,
        random: systemRandom,
        logger,
        http,
        storage,
        routes: [
          {
            name: ROUTE,
            upstream,
            maxConcurrentTasks: 1_000_000,
            upstreamModel: (model) => model,
            pollIntervalMs: settings.generationMs === 0 ? [1, 1] : [settings.generationMs, settings.generationMs],
            retry: { maxFailures: 3, baseDelayMs: 100, maxDelayMs: 1_000 },
            unknownWaitMs: 1_000,
          },
        ],
        concurrency: settings.concurrency,
        leaseMs: 30_000,
        dispatchIntervalMs: 50,
        tokenFor: (task, attempt) => `${task.batchUuid}:${task.index}:${attempt}`,
        deadWorkers: () => Promise.resolve([]),
      });
      while (!stop.aborted) {
        // Only the open batches have a row there, and it goes with the transaction that ends the batch.
        if (worker.tasksInFlight === 0 && (await db.query('SELECT 1 FROM batch_schedule LIMIT 1')).length === 0) break;
        await systemClock.sleep(LOOK_INTERVAL_MS);
      }
      return report;
    },
    async close() {
      await worker?.stop();
      await db.close();
    },
  };
}

await measured(prepare);
