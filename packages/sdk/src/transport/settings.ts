import { RushesError } from '../rushes-error.ts';
import { VERSION } from '../version.ts';

/** Receives log lines about retries and waits. They never include a key, a body or a signed link. */
export interface Logger {
  debug(message: string): void;
  warn(message: string): void;
}

/** Settings of a client. */
export interface RushesOptions {
  /** The API key, `rk_live_…` or `rk_test_…`. The default is the environment variable RUSHES_API_KEY. */
  apiKey?: string;
  /** Address of the server. The default is the environment variable RUSHES_BASE_URL, else http://127.0.0.1:4600. */
  baseUrl?: string;
  /** Retries after the first attempt of a call; 0 means none. The default is 2. */
  maxRetries?: number;
  /**
   * Time limit for one attempt in milliseconds. For a streamed answer: until it starts, and then for each wait for more
   * bytes. The default is 60,000.
   */
  timeoutMs?: number;
  /** Time limit for a whole call in milliseconds, including retries and waits. The default is no limit. */
  deadlineMs?: number;
  /** Replaces the global fetch, for example to use a proxy or your own certificate. */
  fetch?: typeof globalThis.fetch;
  /** Headers for every request to the API. */
  defaultHeaders?: Record<string, string>;
  /** Receives log lines about retries and waits. The default is no log. */
  logger?: Logger;
}

/** The settings of a client with every default filled in. */
export interface Settings {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly maxRetries: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly defaultHeaders: Readonly<Record<string, string>>;
  readonly logger: Logger | undefined;
}

const DEFAULT_BASE_URL = 'http://127.0.0.1:4600';
const DEFAULT_MAX_RETRIES = 2;
const DEFAULT_TIMEOUT_MS = 60_000;
/** Timers hold their delay in 32 bits and fire at once past them. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const API_KEY_FORM = /^(rk_live_|rk_test_|ro_)[0-9A-Za-z]{16,}$/;

/**
 * An environment variable without surrounding spaces; undefined when it is unset or empty, or when the runtime has no
 * environment.
 */
function environment(name: string): string | undefined {
  try {
    const scope = globalThis as { process?: { env?: Record<string, string | undefined> } };
    const value = scope.process?.env?.[name]?.trim();
    return value === '' ? undefined : value;
  } catch {
    // Deno needs a permission to read the environment. Without it, there are no variables.
    return undefined;
  }
}

function resolveApiKey(given: string | undefined): string {
  const key = (given ?? environment('RUSHES_API_KEY'))?.trim();
  if (key === undefined || key === '') {
    throw new RushesError(
      'There is no API key. Set the environment variable RUSHES_API_KEY, or pass one: new Rushes({ apiKey }).',
    );
  }
  if (!API_KEY_FORM.test(key)) {
    throw new RushesError(
      `The API key (${key.length} characters) is not a Rushes API key: it must start with rk_live_ or rk_test_, ` +
        'followed by letters and digits only. Check that it is complete and not the key of another service.',
    );
  }
  return key;
}

function resolveBaseUrl(given: string | undefined): string {
  const text = given ?? environment('RUSHES_BASE_URL') ?? DEFAULT_BASE_URL;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RushesError('baseUrl (or RUSHES_BASE_URL) is not a URL. It looks like https://rushes.example.com.');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RushesError(`baseUrl must start with http:// or https://, not ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new RushesError('baseUrl can have a path, but not a user name, password, query or fragment.');
  }
  const path = url.pathname.replace(/\/+$/, '');
  if (path.endsWith('/v1')) throw new RushesError('baseUrl must not end with /v1. The SDK adds it.');
  return `${url.origin}${path}`;
}

/** Returns `value` if a timer can wait for this time; throws `RushesError` otherwise. */
export function checkDurationMs(value: number, name: string): number {
  if (!Number.isFinite(value) || value <= 0 || value > TIMER_MAX_MS) {
    throw new RushesError(`${name} must be a number of milliseconds from 1 to ${TIMER_MAX_MS}, not ${value}.`);
  }
  return value;
}

/** Returns `value` if it is a valid number of retries; throws `RushesError` otherwise. */
export function checkMaxRetries(value: number): number {
  if (!Number.isInteger(value) || value < 0) {
    throw new RushesError(`maxRetries must be a whole number, 0 or more, not ${value}.`);
  }
  return value;
}

/** The options, completed from the environment and the defaults. Throws `RushesError` for an invalid option. */
export function resolveSettings(options: RushesOptions): Settings {
  const fetchInUse = options.fetch ?? globalThis.fetch;
  if (typeof fetchInUse !== 'function') {
    throw new RushesError('This runtime has no global fetch. Pass one: new Rushes({ fetch }).');
  }
  return {
    apiKey: resolveApiKey(options.apiKey),
    baseUrl: resolveBaseUrl(options.baseUrl),
    maxRetries: checkMaxRetries(options.maxRetries ?? DEFAULT_MAX_RETRIES),
    timeoutMs: checkDurationMs(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, 'timeoutMs'),
    deadlineMs: options.deadlineMs === undefined ? undefined : checkDurationMs(options.deadlineMs, 'deadlineMs'),
    // Called as a plain function: some runtimes refuse fetch with another `this`.
    fetch: (input, init) => fetchInUse(input, init),
    defaultHeaders: options.defaultHeaders ?? {},
    logger: options.logger,
  };
}

/** `rushes-sdk/0.1.0 node/24.1.0`, or the part that is known. */
export function userAgent(): string {
  const scope = globalThis as { process?: { versions?: { node?: string } } };
  const node = scope.process?.versions?.node;
  return `rushes-sdk/${VERSION}${node === undefined ? '' : ` node/${node}`}`;
}
