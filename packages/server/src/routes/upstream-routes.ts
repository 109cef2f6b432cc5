import { isIP } from 'node:net';
import { MODELS } from '@rushes/contract';
import type { Config } from '../config/index.ts';
import type { Clock, HttpClient } from '../ports.ts';
import { createEgressGuard, EgressRefusal } from '../outbound/index.ts';
import type { CallbackReader } from '../generations/index.ts';
import { createGrsai, readGrsaiCallback, type Upstream } from '../upstreams/index.ts';
import type { Route } from '../worker/index.ts';
import { ExplainedError } from '../outcome/index.ts';

/** What each of our models is called at Grsai, which the simulator speaks too. */
const GRSAI_MODELS: Readonly<Record<string, string>> = { 'sora-2': 'sora-2', 'veo-pro': 'veo3.1-pro' };

/** A generation that failed at a paid upstream is tried three times in all. */
const MAX_FAILURES = 3;
/** The longest pause between two questions about one task: a result is seen no later than this after it is there. */
const LONGEST_POLL_INTERVAL_MS = 15_000;
const LONGEST_RETRY_DELAY_MS = 60_000;

export class RouteMisconfigured extends ExplainedError {
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
  const route = (upstream: Upstream, retryDelayMs: number, callbackBase: string | null): Route => ({
    name: upstream.name,
    upstream,
    ...(callbackBase === null ? {} : { callbackUrl: (token) => `${callbackBase}/callbacks/${upstream.name}/${token}` }),
    pollRequestsPerSecond: config.pollRequestsPerSecond,
    maxConcurrentTasks: config.routeConcurrency,
    upstreamModel: (model) => GRSAI_MODELS[model] ?? null,
    pollIntervalMs: [config.pollIntervalMs, Math.max(config.pollIntervalMs, LONGEST_POLL_INTERVAL_MS)],
    retry: { maxFailures: MAX_FAILURES, baseDelayMs: retryDelayMs, maxDelayMs: LONGEST_RETRY_DELAY_MS },
    unknownWaitMs: config.unknownWaitMs,
  });
  // It runs on this machine, from where any address of ours can be reached.
  const routes = [route(simulator, 250, config.publicUrl)];
  if (config.upstream === 'routes') {
    routes.push(
      route(
        createGrsai({ name: 'grsai', baseUrl: config.grsai.baseUrl, apiKey: grsaiKey(config), http, clock }),
        2_000,
        callbackBaseFor(config.publicUrl, config.grsai.baseUrl),
      ),
    );
  }
  return routes;
}

/** Reads callbacks of every route; none of them needs the key of its upstream. */
export function callbackReaders(): ReadonlyMap<string, CallbackReader> {
  const grsai: CallbackReader = (body) => {
    const callback = readGrsaiCallback(body);
    if (callback === null) return null;
    const { kind } = callback.result;
    return { upstreamId: callback.upstreamId, ended: kind === 'succeeded' || kind === 'failed' };
  };
  return new Map([
    ['simulator', grsai],
    ['grsai', grsai],
  ]);
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** Our public address, when the upstream can be expected to reach it. */
export function callbackBaseFor(publicUrl: string | null, upstreamBaseUrl: string): string | null {
  if (publicUrl === null || LOOPBACK_NAMES.includes(new URL(upstreamBaseUrl).hostname)) return publicUrl;
  const guard = createEgressGuard({ allowCidrs: [], development: true, resolver: () => Promise.resolve([]) });
  const host = new URL(publicUrl).hostname.replace(/^\[|\]$/g, '');
  try {
    if (isIP(host) === 0) guard.checkUrl(publicUrl);
    else guard.checkAddress(host);
    return publicUrl;
  } catch (error) {
    if (error instanceof EgressRefusal) return null;
    throw error;
  }
}

function grsaiKey(config: Config): string {
  if (config.grsai.apiKey !== null) return config.grsai.apiKey;
  const { hostname } = new URL(config.grsai.baseUrl);
  // A stand-alone simulator on this machine takes any key.
  if (LOOPBACK_NAMES.includes(hostname)) return 'simulator';
  throw new RouteMisconfigured(
    `RUSHES_UPSTREAM=routes needs GRSAI_API_KEY, the key for ${config.grsai.baseUrl}. For a trial without one set RUSHES_UPSTREAM=simulator.`,
  );
}
