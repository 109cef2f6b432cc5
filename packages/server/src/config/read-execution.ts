/** The variables that say how tasks are run: at which upstreams, how many at a time, and how long each may take. */
import { MODELS } from '@rushes/contract/facts/models';
import { ADAPTERS } from '../upstreams/index.ts';
import { DAY_MS, HOUR_MS, MAX_PORT, MINUTE_MS } from './bounds.ts';
import type { EnvironmentReader } from './environment-reader.ts';

/** Reads them all; what is wrong is told to the reader. */
export function readExecution(reader: EnvironmentReader) {
  const isProduction = reader.optional('RUSHES_ENV') === 'production';
  const upstream = reader.oneOf('RUSHES_UPSTREAM', ['simulator', 'routes'], isProduction ? 'routes' : 'simulator');
  const modelTimeoutsMs = reader.integersByName(
    'RUSHES_MODEL_TIMEOUTS_MS',
    MODELS.map(({ id }) => id),
    100,
    DAY_MS,
  );
  return {
    upstream,
    upstreams: Object.fromEntries(
      ADAPTERS.map(({ name, variables, defaultBaseUrl }) => [
        name,
        {
          apiKey: readUpstreamKey(reader, variables.apiKey),
          baseUrl: reader.httpUrl(variables.baseUrl) ?? defaultBaseUrl,
        },
      ]),
    ),
    simulator: {
      port:
        reader.optional('RUSHES_SIMULATOR_PORT') === null
          ? null
          : reader.integer('RUSHES_SIMULATOR_PORT', 1, 1, MAX_PORT),
      seed: reader.integer('RUSHES_SIMULATOR_SEED', 1, 0, 0xffff_ffff),
      latencyMs: reader.range('RUSHES_SIMULATOR_LATENCY_MS', [200, 800], HOUR_MS),
      failureRate: reader.share('RUSHES_SIMULATOR_FAILURE_RATE', 0),
      lookup: reader.oneOf('RUSHES_SIMULATOR_LOOKUP', ['on', 'off'], 'on') === 'on',
    },
    workerConcurrency: reader.integer('RUSHES_WORKER_CONCURRENCY', 256, 1, 10_000),
    routeConcurrency: reader.integer('RUSHES_ROUTE_CONCURRENCY', 500, 1, 100_000),
    // Renewed at a third of its length: below a second the renewals would cost more than the work.
    leaseMs: reader.integer('RUSHES_LEASE_MS', 30_000, 1_000, 10 * MINUTE_MS),
    // The simulator is on this machine and done within a second; a paid upstream counts our requests.
    pollIntervalMs: reader.integer(
      'RUSHES_POLL_INTERVAL_MS',
      upstream === 'simulator' ? 200 : 2_000,
      10,
      10 * MINUTE_MS,
    ),
    pollRequestsPerSecond: reader.integer('RUSHES_POLL_REQUESTS_PER_S', 100, 1, 100_000),
    dispatchIntervalMs: reader.integer('RUSHES_DISPATCH_INTERVAL_MS', 250, 10, MINUTE_MS),
    unknownWaitMs: readUnknownWait(reader, modelTimeoutsMs),
    modelTimeoutsMs,
  } as const;
}

/** A task with an unknown outcome is not looked at until the wait is over, so a longer one would put off its timeout, and the refund. */
function readUnknownWait(reader: EnvironmentReader, modelTimeoutsMs: Readonly<Record<string, number>>): number {
  const timeouts = MODELS.map(({ id, timeoutMs }) => ({ id, ms: modelTimeoutsMs[id] ?? timeoutMs }));
  const shortest = timeouts.reduce((least, next) => (next.ms < least.ms ? next : least));
  // With an address to call back, waiting has a point: the first callback tells the id and saves the generation.
  const usualMs = reader.optional('RUSHES_PUBLIC_URL') === null ? 10_000 : MINUTE_MS;
  const ms = reader.integer('RUSHES_UNKNOWN_WAIT_MS', Math.min(usualMs, Math.floor(shortest.ms / 2)), 0, DAY_MS);
  if (ms >= shortest.ms) {
    reader.problem(
      'RUSHES_UNKNOWN_WAIT_MS',
      `must be shorter than the timeout of every model, because otherwise tasks would time out late: ${shortest.id} has ${String(shortest.ms)} ms (RUSHES_MODEL_TIMEOUTS_MS)`,
    );
  }
  return ms;
}

function readUpstreamKey(reader: EnvironmentReader, name: string): string | null {
  const key = reader.optional(name);
  if (key === null || /^[\x21-\x7e]+$/.test(key)) return key;
  reader.problem(name, 'must be printable ASCII without spaces, because it is sent in an HTTP header');
  return null;
}
