import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/index.ts';
import { systemErrorCode, writeFileDurably } from '../data-directory/index.ts';
import { tryLock, type FileLock } from '../postgres/index.ts';
import type { Clock, HttpClient, Logger } from '../ports.ts';
import { createSimulatorUpstream, startSimulator, type Simulator, type Upstream } from '../upstreams/index.ts';

/** How often a process looks whether the one that ran the simulator is gone. */
const LOOK_INTERVAL_MS = 500;
/** It serves this data directory on loopback only; the key keeps other programs of the machine from using it by mistake. */
const API_KEY = 'in-process';

export interface SharedSimulator {
  readonly upstream: Upstream;
  /** Where it is now, whichever process runs it; its videos are there too. */
  origin(): string;
  close(): Promise<void>;
}

/**
 * The simulator of test accounts: one per data directory, run by whichever process holds its lock. The others speak to
 * it over HTTP, and one of them goes on with its journal, at the same address where possible, when that process dies.
 */
export async function openSharedSimulator(deps: {
  readonly config: Config;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<SharedSimulator> {
  const { config, http, clock, logger } = deps;
  const dataDir = path.join(config.dataDir, 'simulator');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const addressFile = path.join(dataDir, 'address');
  let lock: FileLock | null = null;
  let simulator: Simulator | null = null;
  const stopped = new AbortController();

  const takeOver = async (): Promise<boolean> => {
    lock ??= tryLock(path.join(dataDir, 'lock'), 'exclusive');
    if (lock === null) return false;
    const start = (port: number): Promise<Simulator> =>
      startSimulator({
        dataDir,
        seed: String(config.simulator.seed),
        latencyMs: config.simulator.latencyMs,
        failureRate: config.simulator.failureRate,
        apiKey: API_KEY,
        http,
        clock,
        logger,
        port,
      });
    const before = readAddress(addressFile);
    const wanted = config.simulator.port ?? (before === null ? 0 : Number(new URL(before).port));
    try {
      simulator = await start(wanted);
    } catch (error) {
      if (systemErrorCode(error) !== 'EADDRINUSE' || config.simulator.port !== null) throw error;
      simulator = await start(0);
    }
    writeFileDurably(addressFile, simulator.url);
    return true;
  };

  const look = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.sleep(LOOK_INTERVAL_MS, stopped.signal).catch(() => undefined);
      if (stopped.signal.aborted) return;
      try {
        if (await takeOver()) return;
      } catch (error) {
        logger.error({ err: error }, 'the simulator could not be started; it is tried again');
      }
    }
  };
  const looking = (await takeOver()) ? Promise.resolve() : look();

  const address = (): string => simulator?.url ?? readAddress(addressFile) ?? 'http://127.0.0.1:1';
  const adapters = new Map<string, Upstream>();
  const adapter = (): Upstream => {
    const baseUrl = address();
    let found = adapters.get(baseUrl);
    if (found === undefined) {
      found = createSimulatorUpstream({ name: 'simulator', baseUrl, apiKey: API_KEY, http, clock });
      adapters.set(baseUrl, found);
    }
    return found;
  };
  return {
    upstream: following(adapter, config.simulator.lookup),
    origin: () => new URL(address()).origin,
    async close() {
      stopped.abort();
      await looking;
      await simulator?.close();
      lock?.release();
    },
  };
}

/**
 * An upstream that is, at each call, the adapter of wherever the simulator is then. Submissions are named also while nobody
 * looks them up: one that was not named could later be taken for one that never came.
 */
function following(adapter: () => Upstream, canLookUp: boolean): Upstream {
  const upstream: Upstream = {
    name: 'simulator',
    resultLifetimeMs: adapter().resultLifetimeMs,
    submit: (generation, signal) => adapter().submit(generation, signal),
    poll: (upstreamId, signal) => adapter().poll(upstreamId, signal),
  };
  if (!canLookUp) return upstream;
  return {
    ...upstream,
    pollMany: async (ids, signal) => (await adapter().pollMany?.(ids, signal)) ?? [],
    lookUp: async (token, signal) =>
      (await adapter().lookUp?.(token, signal)) ?? { kind: 'cannot_tell', detail: 'it has no look-up' },
  };
}

function readAddress(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return URL.canParse(text) ? text : null;
  } catch {
    return null;
  }
}
