import { MODELS } from '@rushes/contract';
import type { Config } from './config.ts';
import type { Clock, HttpClient } from './ports.ts';
import { createGrsai, type Upstream } from './upstreams/index.ts';
import type { Route } from './worker/index.ts';

/** What each of our models is called at Grsai, which the simulator speaks too. */
const GRSAI_MODELS: Readonly<Record<string, string>> = { 'sora-2': 'sora-2', 'veo-pro': 'veo3.1-pro' };

/** A generation that failed at a paid upstream is tried three times in all. */
const MAX_FAILURES = 3;
/** The longest pause between two questions about one task: a result is seen no later than this after it is there. */
const LONGEST_POLL_INTERVAL_MS = 15_000;
const LONGEST_RETRY_DELAY_MS = 60_000;

export class RouteMisconfigured extends Error {
  override readonly name = 'RouteMisconfigured';
}

/** The route that new tasks of an account take. Test accounts never reach a paid upstream. */
export function routeFor(config: Config, mode: 'live' | 'test'): string {
  return mode === 'test' || config.upstream === 'simulator' ? 'simulator' : 'grsai';
}

/** How long one try of a model may take, from its submission. */
export function modelTimeoutMs(config: Config, model: string): number {
  const spec = MODELS.find(({ id }) => id === model);
  if (spec === undefined) throw new Error(`there is no model ${model}`);
  return config.modelTimeoutsMs[model] ?? spec.timeoutMs;
}

/** Every route that this process serves. Throws RouteMisconfigured. */
export function upstreamRoutes(config: Config, simulator: Upstream, http: HttpClient, clock: Clock): readonly Route[] {
  const route = (upstream: Upstream, retryDelayMs: number): Route => ({
    name: upstream.name,
    upstream,
    maxConcurrentTasks: config.routeConcurrency,
    upstreamModel: (model) => GRSAI_MODELS[model] ?? null,
    pollIntervalMs: [config.pollIntervalMs, Math.max(config.pollIntervalMs, LONGEST_POLL_INTERVAL_MS)],
    retry: { maxFailures: MAX_FAILURES, baseDelayMs: retryDelayMs, maxDelayMs: LONGEST_RETRY_DELAY_MS },
    unknownWaitMs: config.unknownWaitMs,
  });
  const routes = [route(simulator, 250)];
  if (config.upstream === 'routes') {
    routes.push(
      route(
        createGrsai({ name: 'grsai', baseUrl: config.grsai.baseUrl, apiKey: grsaiKey(config), http, clock }),
        2_000,
      ),
    );
  }
  return routes;
}

function grsaiKey(config: Config): string {
  if (config.grsai.apiKey !== null) return config.grsai.apiKey;
  const { hostname } = new URL(config.grsai.baseUrl);
  // A stand-alone simulator on this machine takes any key.
  if (['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) return 'simulator';
  throw new RouteMisconfigured(
    `RUSHES_UPSTREAM=routes needs GRSAI_API_KEY, the key for ${config.grsai.baseUrl}. For a trial without one set RUSHES_UPSTREAM=simulator.`,
  );
}
