import { isIP } from 'node:net';
import { MODELS } from '@rushes/contract';
import type { Config } from '../config/index.ts';
import type { Clock, HttpClient } from '../ports.ts';
import { createEgressGuard, EgressRefusal } from '../outbound/index.ts';
import type { CallbackReader } from '../generations/index.ts';
import { ADAPTERS, grsai, type Upstream, type UpstreamAdapter } from '../upstreams/index.ts';
import type { Route } from '../worker/index.ts';
import { ExplainedError } from '../outcome/index.ts';

const SIMULATOR = 'simulator';

/** A generation that failed at a paid upstream is tried three times in all. */
const MAX_FAILURES = 3;
/** The longest pause between two questions about one task: a result is seen no later than this after it is there. */
const LONGEST_POLL_INTERVAL_MS = 15_000;
const LONGEST_RETRY_DELAY_MS = 60_000;

class RouteMisconfigured extends ExplainedError {
  override readonly name = 'RouteMisconfigured';
}

/**
 * The route that new tasks of an account take: the first configured upstream that has the model. A model that none of them
 * has is given to the first, where its tasks wait until it can be had. Test accounts never reach a paid upstream.
 */
export function routeFor(config: Config, model: string, mode: 'live' | 'test'): string {
  if (mode === 'test' || config.upstream === 'simulator') return SIMULATOR;
  const configured = configuredAdapters(config);
  const [first] = configured;
  return (configured.find(({ adapter }) => adapter.models[model] !== undefined) ?? first)?.adapter.name ?? SIMULATOR;
}

/** How long one try of a model may take, from its submission. */
export function modelTimeoutMs(config: Config, model: string): number {
  const spec = MODELS.find(({ id }) => id === model);
  if (spec === undefined) throw new Error(`there is no model ${model}`);
  return config.modelTimeoutsMs[model] ?? spec.timeoutMs;
}

interface ConfiguredAdapter {
  readonly adapter: UpstreamAdapter;
  readonly apiKey: string;
  readonly baseUrl: string;
}

/** The upstreams that the operator has a key for. Throws RouteMisconfigured when there is none. */
function configuredAdapters(config: Config): readonly ConfiguredAdapter[] {
  const configured = ADAPTERS.flatMap((adapter) => {
    const settings = config.upstreams[adapter.name];
    if (settings === undefined) return [];
    // A stand-alone simulator on this machine takes any key.
    const apiKey = settings.apiKey ?? (isOnThisMachine(settings.baseUrl) ? SIMULATOR : null);
    return apiKey === null ? [] : [{ adapter, apiKey, baseUrl: settings.baseUrl }];
  });
  if (configured.length > 0) return configured;
  const keys = ADAPTERS.map(
    ({ name, variables }) => `${variables.apiKey} for ${config.upstreams[name]?.baseUrl ?? name}`,
  );
  throw new RouteMisconfigured(
    `RUSHES_UPSTREAM=routes needs the key of an upstream: set ${keys.join(', or ')}. For a trial without a key, set RUSHES_UPSTREAM=simulator.`,
  );
}

/** Every route that this process serves. Throws RouteMisconfigured. */
export function upstreamRoutes(config: Config, simulator: Upstream, http: HttpClient, clock: Clock): readonly Route[] {
  const route = (
    upstream: Upstream,
    models: UpstreamAdapter['models'],
    retryDelayMs: number,
    callbackBase: string | null,
  ): Route => ({
    name: upstream.name,
    upstream,
    ...(callbackBase === null ? {} : { callbackUrl: (token) => `${callbackBase}/callbacks/${upstream.name}/${token}` }),
    pollRequestsPerSecond: config.pollRequestsPerSecond,
    maxConcurrentTasks: config.routeConcurrency,
    upstreamModel: (model) => models[model] ?? null,
    pollIntervalMs: [config.pollIntervalMs, Math.max(config.pollIntervalMs, LONGEST_POLL_INTERVAL_MS)],
    retry: { maxFailures: MAX_FAILURES, baseDelayMs: retryDelayMs, maxDelayMs: LONGEST_RETRY_DELAY_MS },
    unknownWaitMs: config.unknownWaitMs,
  });
  // It runs on this machine, from where any address of ours can be reached, and has every model under Grsai's name.
  const routes = [route(simulator, grsai.models, 250, config.publicUrl)];
  if (config.upstream === 'simulator') return routes;
  for (const { adapter, apiKey, baseUrl } of configuredAdapters(config)) {
    const upstream = adapter.create({ apiKey, baseUrl, http, clock });
    routes.push(route(upstream, adapter.models, 2_000, callbackBaseFor(config.publicUrl, baseUrl)));
  }
  return routes;
}

/** Origins of the paid upstreams in use, which may name results in their own network. */
export function upstreamOrigins(config: Config): readonly string[] {
  return config.upstream === 'simulator' ? [] : configuredAdapters(config).map(({ baseUrl }) => baseUrl);
}

/** Reads callbacks of every route; none of them needs the key of its upstream. */
export function callbackReaders(): ReadonlyMap<string, CallbackReader> {
  // The simulator speaks Grsai's form.
  const readers = [
    [SIMULATOR, grsai.readCallback] as const,
    ...ADAPTERS.map((one) => [one.name, one.readCallback] as const),
  ];
  return new Map(
    readers.flatMap(([name, read]) => (read === undefined ? [] : [[name, callbackReader(read)] as const])),
  );
}

function callbackReader(read: NonNullable<UpstreamAdapter['readCallback']>): CallbackReader {
  return (body) => {
    const callback = read(body);
    if (callback === null) return null;
    const { kind } = callback.result;
    return { upstreamId: callback.upstreamId, ended: kind === 'succeeded' || kind === 'failed' };
  };
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

function isOnThisMachine(url: string): boolean {
  return LOOPBACK_NAMES.includes(new URL(url).hostname);
}

/** Our public address, when the upstream can be expected to reach it. */
export function callbackBaseFor(publicUrl: string | null, upstreamBaseUrl: string): string | null {
  if (publicUrl === null || isOnThisMachine(upstreamBaseUrl)) return publicUrl;
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
