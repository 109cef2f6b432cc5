import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Clock, HttpClient, Logger } from '../../ports.ts';
import { Callbacks } from './callbacks.ts';
import { Clips } from './clips.ts';
import { Generations, type Generation } from './generations.ts';
import { legacyTask } from './grsai-wire.ts';
import { createHandler } from './handler.ts';

export interface SimulatorOptions {
  /** Made when missing; holds `generations.jsonl`. One simulator at a time. */
  readonly dataDir: string;
  /** Two simulators with one seed treat the same prompts the same way. */
  readonly seed: string;
  /** Posts callbacks. */
  readonly http: HttpClient;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger?: Logger;
  /** Any free one when absent or 0. */
  readonly port?: number;
  /** Loopback when absent: the simulator has no other protection than its API key. */
  readonly host?: string;
  /** Shortest and longest time to a result; 500 to 3,000 when absent. */
  readonly latencyMs?: readonly [number, number];
  /** Share of generations that fail without a directive, 0 to 1; 0 when absent. */
  readonly failureRate?: number;
  /** When present, submissions and polls must carry it; when absent, any key will do. */
  readonly apiKey?: string;
}

export interface Simulator {
  /** Origin without a trailing slash, for `GRSAI_BASE_URL`. */
  readonly url: string;
  /** Stops taking requests, cuts those under way, and leaves the journal complete. */
  close(): Promise<void>;
}

const DEFAULT_LATENCY_MS = [500, 3_000] as const;

/**
 * A stand-in for Grsai: a real HTTP server with both of its forms, real videos, and an audit list of everything it
 * ever started, on disk before the submission is answered.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { dataDir, seed, http, clock, logger } = options;
  const latencyMs = options.latencyMs ?? DEFAULT_LATENCY_MS;
  const failureRate = options.failureRate ?? 0;
  checkSettings(latencyMs, failureRate);
  await mkdir(dataDir, { recursive: true });
  const journalPath = join(dataDir, 'generations.jsonl');
  const clips = new Clips();
  const { generations, uncalled } = await Generations.open({ journalPath, clock, seed, latencyMs, failureRate });

  const own = { url: '' };
  const callbacks = new Callbacks({
    generations,
    http,
    clock,
    logger,
    bodyOf: (generation) =>
      JSON.stringify(legacyTask(generation, generations.stateOf(generation), videoUrlOf(own.url, generation))),
  });
  const server = createServer(
    createHandler({ generations, callbacks, clips, logger, apiKey: options.apiKey ?? null, videoUrlOf, own }),
  );
  // A worker keeps its connections; one cut while idle would look to it like a submission without an answer.
  server.keepAliveTimeout = 65_000;

  try {
    own.url = await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  } catch (error) {
    await generations.close();
    throw error;
  }
  for (const generation of uncalled) callbacks.schedule(generation);
  logger?.info({ url: own.url, journal: journalPath }, 'simulator ready');

  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
    await callbacks.close();
    await generations.close();
  };
  return {
    url: own.url,
    close: () => (closing ??= close()),
  };
}

function videoUrlOf(origin: string, generation: Generation): string {
  return `${origin}/videos/${generation.id}.mp4`;
}

function listen(server: ReturnType<typeof createServer>, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
      resolve(`http://${reachableName(host)}:${String(address.port)}`);
    });
  });
}

/** The wildcard addresses can be listened on but not asked for. */
function reachableName(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function checkSettings([shortest, longest]: readonly [number, number], failureRate: number): void {
  if (!(shortest >= 0 && longest >= shortest && Number.isFinite(longest))) {
    throw new RangeError(`the simulator's latency must be 0 <= min <= max, not ${String(shortest)}-${String(longest)}`);
  }
  if (!(failureRate >= 0 && failureRate <= 1)) {
    throw new RangeError(`the simulator's failure rate must be from 0 to 1, not ${String(failureRate)}`);
  }
}
