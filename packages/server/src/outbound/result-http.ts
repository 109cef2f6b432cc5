import * as dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { decodingStreams } from './content-coding.ts';
import { createEgressGuard, EgressRefusal, type EgressGuard } from './egress-guard.ts';
import { createHttpClient } from './http-client.ts';
import { PaceCheck } from './pace-check.ts';
import { HttpFailure, type HttpClient, type HttpRequest, type HttpStreamResponse } from '../ports.ts';
import { Mp4Structure } from '../videos/index.ts';

/** Storage hands out links that lead to links; more than these are a circle. */
const REDIRECTS_MAX = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** A file server that says nothing for so long keeps others from being asked. */
const FIRST_BYTE_TIMEOUT_MS = 15_000;

/** A host name of which no address may be reached. */
class NowhereToGo extends Error {
  override readonly name = 'NowhereToGo';
}

/** What a network of the operator's own uses. Anything else that is not public is no place for a video. */
const OWN_NETWORK: readonly string[] = ['loopback', 'private', 'carrier_grade_nat'];

export interface ResultHttpOptions {
  /** The paid upstreams that name the results. */
  readonly upstreamUrls: readonly string[];
  /** Origins that may be fetched from wherever they are. */
  isTrustedOrigin(origin: string): boolean;
}

/**
 * Fetches what upstreams name as results: `HttpClient.stream` for files, with redirects followed, packed bodies unpacked
 * and broken MP4 files failed. An upstream on the public internet cannot send us into our own network, by a link, a
 * redirect or a name; one that runs in there itself can. What leads nowhere is answered like a result that is gone (410).
 */
export function createResultHttp(options: ResultHttpOptions): HttpClient & { close(): Promise<void> } {
  const guard = createEgressGuard({
    allowCidrs: [],
    development: true,
    resolver: () => Promise.reject(new Error('names are looked up while connecting')),
  });
  const check = createAddressPolicy(guard, options.upstreamUrls);
  const trusted = createHttpClient();
  const guarded = createHttpClient({ lookup: checkedLookup(check) });

  const clientFor = async (url: URL): Promise<HttpClient | null> => {
    if (options.isTrustedOrigin(url.origin)) return trusted;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return isIP(host) === 0 || (await check(host)) ? guarded : null;
  };

  const follow = async (request: HttpRequest): Promise<HttpStreamResponse> => {
    let url = URL.parse(request.url);
    for (let redirects = 0; url !== null && redirects <= REDIRECTS_MAX; redirects += 1) {
      if (url.protocol !== 'https:' && url.protocol !== 'http:') break;
      const client = await clientFor(url);
      if (client === null) break;
      const response = await firstByte(client, { ...request, url: url.href });
      if (response === null) break;
      const location = response.headers['location'];
      if (!REDIRECTS.includes(response.status) || location === undefined) return response;
      response.body.destroy();
      url = URL.parse(location, url.href);
    }
    return { status: 410, headers: {}, body: Readable.from([]) };
  };

  return {
    request: (request) => guarded.request(request),
    async stream(request) {
      const response = await follow(request);
      if (!isWhole(response)) return response;
      const stages = [new PaceCheck(), ...decodingStreams(response.headers['content-encoding']), new Mp4Structure()];
      // Whoever reads the last of them hears of a failure in any.
      const body = stages.reduce<Readable>((source, stage) => pipeline(source, stage, () => undefined), response.body);
      body.on('error', () => undefined);
      return { ...response, status: 200, body };
    },
    async close() {
      await Promise.all([trusted.close(), guarded.close()]);
    },
  };
}

/** Nobody asked for a part, but a part that is all of it will do (RFC 9110, section 14.4). */
function isWhole({ status, headers }: HttpStreamResponse): boolean {
  const range = /^bytes 0-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '');
  return status === 200 || (status === 206 && range !== null && Number(range[1]) + 1 === Number(range[2]));
}

/** Null when there is no address to ask. */
async function firstByte(client: HttpClient, request: HttpRequest): Promise<HttpStreamResponse | null> {
  const cut = new AbortController();
  const onAbort = (): void => {
    cut.abort(request.signal?.reason);
  };
  if (request.signal?.aborted === true) onAbort();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  const forget = (): void => request.signal?.removeEventListener('abort', onAbort);
  const timer = setTimeout(() => {
    cut.abort();
  }, FIRST_BYTE_TIMEOUT_MS);
  try {
    const response = await client.stream({ ...request, signal: cut.signal });
    response.body.once('close', forget);
    return response;
  } catch (error) {
    forget();
    if (error instanceof Error && error.cause instanceof NowhereToGo) return null;
    if (request.signal?.aborted === true || !cut.signal.aborted) throw error;
    throw new HttpFailure('no_answer', `nothing came within ${String(FIRST_BYTE_TIMEOUT_MS)} ms`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

type AddressCheck = (address: string) => Promise<boolean>;

function createAddressPolicy(guard: EgressGuard, upstreamUrls: readonly string[]): AddressCheck {
  const ruleOf = (address: string): string | null => {
    try {
      guard.checkAddress(address);
      return null;
    } catch (error) {
      if (error instanceof EgressRefusal) return error.rule;
      throw error;
    }
  };
  const isInOurNetwork = async (url: string): Promise<boolean> => {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const addresses = await dns.promises.lookup(host, { all: true }).catch(() => []);
    return addresses.length > 0 && addresses.every(({ address }) => OWN_NETWORK.includes(ruleOf(address) ?? ''));
  };
  // Which of them named a result is not known here, so one outside closes our network to all of them.
  const upstreamsAreOurs = async (): Promise<boolean> =>
    upstreamUrls.length > 0 && (await Promise.all(upstreamUrls.map(isInOurNetwork))).every((isOurs) => isOurs);
  return async (address) => {
    const rule = ruleOf(address);
    return rule === null || (OWN_NETWORK.includes(rule) && (await upstreamsAreOurs()));
  };
}

/** The system's look-up, without the addresses that may not be reached: nothing can change before the connection. */
function checkedLookup(check: AddressCheck): LookupFunction {
  return (hostname, options, callback) => {
    const find = async (): Promise<dns.LookupAddress[]> => {
      const found = await dns.promises.lookup(hostname, { ...options, all: true });
      const allowed = await Promise.all(found.map(({ address }) => check(address)));
      const addresses = found.filter((_, at) => allowed[at] === true);
      if (addresses.length === 0) throw new NowhereToGo('no address of the host may be reached');
      return addresses;
    };
    find().then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error('the look-up failed'), '');
      },
    );
  };
}
