import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADAPTERS } from '../upstreams/index.ts';
import { CLIENT_VARIABLES, ConfigError, loadConfig, VARIABLES } from './config.ts';

/** Of every upstream API, while nothing is set. */
const UNCONFIGURED = Object.fromEntries(
  ADAPTERS.map(({ name, defaultBaseUrl }) => [name, { apiKey: null, baseUrl: defaultBaseUrl }]),
);

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-config-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

const KEY = Buffer.alloc(32, 7).toString('base64');

function problemsOf(env: Record<string, string | undefined>, overrides = {}): readonly string[] {
  try {
    loadConfig({ RUSHES_SECRET_KEY: KEY, ...env }, overrides);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('an empty environment gives the documented defaults', () => {
  const config = loadConfig({ RUSHES_SECRET_KEY: KEY });
  expect(config).toEqual({
    serverName: 'rushes.local',
    ledgerKeysDir: path.resolve('.rushes/ledger-keys'),
    ledgerCheckIntervalMs: 3_600_000,
    env: 'development',
    host: '127.0.0.1',
    port: 4600,
    publicUrl: null,
    metricsListener: null,
    dataDir: path.resolve('.rushes'),
    databaseUrl: null,
    databaseMigrationUrl: null,
    secretKey: new Uint8Array(32).fill(7),
    upstream: 'simulator',
    logLevel: 'info',
    webhookAllowCidrs: [],
    webhookDenyCidrs: [],
    webhookRetryDelaysMs: [0, 60_000, 900_000],
    webhookDisableAfterMs: 432_000_000,
    upstreams: UNCONFIGURED,
    simulator: { port: null, seed: 1, latencyMs: [200, 800], failureRate: 0, lookup: true },
    workerConcurrency: 256,
    routeConcurrency: 500,
    leaseMs: 30_000,
    pollIntervalMs: 200,
    pollRequestsPerSecond: 100,
    dispatchIntervalMs: 250,
    unknownWaitMs: 10_000,
    modelTimeoutsMs: {},
  });
});

test('every variable reaches its field', () => {
  const config = loadConfig({
    RUSHES_ENV: 'production',
    RUSHES_HOST: '::',
    RUSHES_PORT: '0',
    RUSHES_PUBLIC_URL: 'https://rushes.example/api/',
    RUSHES_METRICS_PORT: '9464',
    RUSHES_METRICS_HOST: '0.0.0.0',
    RUSHES_DATA_DIR: dataDir,
    RUSHES_SECRET_KEY: KEY,
    RUSHES_LOG_LEVEL: 'silent',
    DATABASE_URL: 'postgres://a:b@db/rushes',
    DATABASE_MIGRATION_URL: 'postgresql://o:p@db/rushes',
    GRSAI_API_KEY: 'sk-1',
    GRSAI_BASE_URL: 'http://127.0.0.1:4700',
    RUSHES_SIMULATOR_PORT: '4700',
    RUSHES_SIMULATOR_SEED: '42',
    RUSHES_SIMULATOR_LATENCY_MS: '5-50',
    RUSHES_SIMULATOR_FAILURE_RATE: '0.25',
    RUSHES_SIMULATOR_LOOKUP: 'off',
    RUSHES_POLL_REQUESTS_PER_S: '20',
    RUSHES_WORKER_CONCURRENCY: '8',
    RUSHES_ROUTE_CONCURRENCY: '9',
    RUSHES_LEASE_MS: '2000',
    RUSHES_DISPATCH_INTERVAL_MS: '20',
    RUSHES_UNKNOWN_WAIT_MS: '0',
    RUSHES_MODEL_TIMEOUTS_MS: 'sora-2=600000, veo-pro=1800000',
    RUSHES_WEBHOOK_ALLOW_CIDRS: '127.0.0.1, 10.0.0.0/8,fd00::/8',
    RUSHES_WEBHOOK_DENY_CIDRS: '198.51.100.7',
    RUSHES_WEBHOOK_RETRY_DELAYS_MS: '0,100',
    RUSHES_WEBHOOK_DISABLE_AFTER_HOURS: '0',
  });
  expect(config).toMatchObject({
    env: 'production',
    host: '::',
    port: 0,
    publicUrl: 'https://rushes.example/api',
    metricsListener: { host: '0.0.0.0', port: 9464 },
    dataDir,
    databaseUrl: 'postgres://a:b@db/rushes',
    databaseMigrationUrl: 'postgresql://o:p@db/rushes',
    logLevel: 'silent',
    upstreams: { ...UNCONFIGURED, grsai: { apiKey: 'sk-1', baseUrl: 'http://127.0.0.1:4700' } },
    simulator: { port: 4700, seed: 42, latencyMs: [5, 50], failureRate: 0.25, lookup: false },
    pollRequestsPerSecond: 20,
    workerConcurrency: 8,
    routeConcurrency: 9,
    leaseMs: 2000,
    dispatchIntervalMs: 20,
    unknownWaitMs: 0,
    modelTimeoutsMs: { 'sora-2': 600_000, 'veo-pro': 1_800_000 },
    webhookAllowCidrs: ['127.0.0.1/32', '10.0.0.0/8', 'fd00::/8'],
    webhookDenyCidrs: ['198.51.100.7/32'],
    webhookRetryDelaysMs: [0, 100],
    webhookDisableAfterMs: null,
  });
});

test('the address of metrics without a port is a mistake', () => {
  expect(problemsOf({ RUSHES_METRICS_HOST: '0.0.0.0' })).toEqual([
    'RUSHES_METRICS_HOST is set, but RUSHES_METRICS_PORT is not: set both, or neither',
  ]);
});

test('production means real routes and their polling interval unless said otherwise', () => {
  const env = { RUSHES_ENV: 'production', RUSHES_SECRET_KEY: KEY };
  expect(loadConfig(env)).toMatchObject({ upstream: 'routes', pollIntervalMs: 2_000 });
  expect(loadConfig({ ...env, RUSHES_UPSTREAM: 'simulator' })).toMatchObject({
    upstream: 'simulator',
    pollIntervalMs: 200,
  });
  expect(loadConfig({ ...env, RUSHES_POLL_INTERVAL_MS: '33' }).pollIntervalMs).toBe(33);
});

test('a submission with an unknown outcome never waits past the timeout of its task', () => {
  const env = { RUSHES_SECRET_KEY: KEY, RUSHES_MODEL_TIMEOUTS_MS: 'sora-2=4000' };
  expect(loadConfig(env).unknownWaitMs).toBe(2_000);
  expect(loadConfig({ ...env, RUSHES_UNKNOWN_WAIT_MS: '3999' }).unknownWaitMs).toBe(3_999);
  expect(() => loadConfig({ ...env, RUSHES_UNKNOWN_WAIT_MS: '4000' })).toThrow(
    'RUSHES_UNKNOWN_WAIT_MS must be shorter than the timeout of every model',
  );
});

test('an empty value means not set', () => {
  expect(loadConfig({ RUSHES_SECRET_KEY: KEY, RUSHES_PORT: '', DATABASE_URL: ' ' })).toMatchObject({
    port: 4600,
    databaseUrl: null,
  });
});

test('nothing in the configuration can be changed', () => {
  const config = loadConfig({ RUSHES_SECRET_KEY: KEY });
  for (const part of [
    config,
    config.simulator,
    config.simulator.latencyMs,
    config.upstreams['grsai'],
    config.modelTimeoutsMs,
    config.webhookRetryDelaysMs,
  ]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('every problem is reported at once and names its variable', () => {
  const problems = problemsOf({
    RUSHES_PORT: 'http',
    RUSHES_HSOT: '::1',
    RUSHES_UPSTREAM: 'grsai',
    RUSHES_SOMETHING_ELSE: '1',
    RUSHES_SECRET_KEY: 'short',
  });
  expect(problems).toEqual([
    'RUSHES_HSOT is not a variable of Rushes: did you mean RUSHES_HOST?',
    'RUSHES_SOMETHING_ELSE is not a variable of Rushes; docs/configuration.md lists all variables',
    'RUSHES_PORT is "http", but must be a whole number from 0 to 65535',
    'RUSHES_UPSTREAM is "grsai", but must be one of simulator, routes',
    expect.stringMatching(/^RUSHES_SECRET_KEY must be 32 bytes as base64/),
  ]);
});

test.each([
  ['RUSHES_ENV', 'prod'],
  ['RUSHES_HOST', 'a b'],
  ['RUSHES_PORT', '65536'],
  ['RUSHES_PORT', '-1'],
  ['RUSHES_PORT', '4600.0'],
  ['RUSHES_PORT', '0x10'],
  ['RUSHES_PUBLIC_URL', 'rushes.example'],
  ['RUSHES_PUBLIC_URL', 'ftp://rushes.example'],
  ['RUSHES_PUBLIC_URL', 'https://rushes.example/?a=1'],
  ['RUSHES_LOG_LEVEL', 'verbose'],
  ['DATABASE_URL', 'mysql://a:b@c/d'],
  ['DATABASE_MIGRATION_URL', 'postgres://a:b@c/d'],
  ['GRSAI_API_KEY', 'two words'],
  ['GRSAI_BASE_URL', 'grsaiapi.com'],
  ['RUSHES_SIMULATOR_PORT', '0'],
  ['RUSHES_SIMULATOR_SEED', 'x'],
  ['RUSHES_SIMULATOR_LATENCY_MS', '50-5'],
  ['RUSHES_SIMULATOR_LATENCY_MS', '1-2-3'],
  ['RUSHES_SIMULATOR_LATENCY_MS', '5-'],
  ['RUSHES_SIMULATOR_FAILURE_RATE', '1.01'],
  ['RUSHES_SIMULATOR_FAILURE_RATE', '5%'],
  ['RUSHES_WORKER_CONCURRENCY', '0'],
  ['RUSHES_LEASE_MS', '999'],
  ['RUSHES_MODEL_TIMEOUTS_MS', 'sora-3=1000'],
  ['RUSHES_MODEL_TIMEOUTS_MS', 'sora-2=1000,sora-2=2000'],
  ['RUSHES_MODEL_TIMEOUTS_MS', 'sora-2'],
  ['RUSHES_WEBHOOK_ALLOW_CIDRS', '10.0.0.0/33'],
  ['RUSHES_WEBHOOK_ALLOW_CIDRS', '127.1'],
  ['RUSHES_WEBHOOK_ALLOW_CIDRS', '127.0.0.1,,::1'],
  ['RUSHES_WEBHOOK_ALLOW_CIDRS', 'localhost'],
  ['RUSHES_WEBHOOK_DENY_CIDRS', '10.0.0.0/33'],
  ['RUSHES_WEBHOOK_RETRY_DELAYS_MS', '0,1,2,3'],
  ['RUSHES_WEBHOOK_DISABLE_AFTER_HOURS', '8761'],
  ['RUSHES_WEBHOOK_RETRY_DELAYS_MS', '0,,1'],
  ['RUSHES_SECRET_KEY', Buffer.alloc(31).toString('base64')],
  ['RUSHES_SECRET_KEY', `${KEY.slice(0, 20)}!${KEY.slice(21)}`],
])('%s=%s is refused', (name, value) => {
  const problems = problemsOf({ [name]: value });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${name} `));
});

test('a secret is never quoted in a problem', () => {
  const problems = problemsOf({
    RUSHES_SECRET_KEY: 'hush-hush',
    DATABASE_URL: 'postgre://me:hush-hush@db/x',
    GRSAI_API_KEY: 'hush-hush two',
    RUSHES_PUBLIC_URL: 'https://me:hush-hush@x',
  });
  expect(problems).toHaveLength(4);
  expect(problems.join()).not.toContain('hush-hush');
});

test("the clients' variables are known and ignored", () => {
  expect(problemsOf({ RUSHES_API_KEY: 'rk_live_x', RUSHES_BASE_URL: 'anything' })).toEqual([]);
});

test('the command line wins over the environment and is named in problems', () => {
  expect(loadConfig({ RUSHES_SECRET_KEY: KEY, RUSHES_PORT: '1' }, { port: '2', dataDir }).port).toBe(2);
  expect(problemsOf({ RUSHES_PORT: '1' }, { port: 'x' })).toEqual([
    '--port is "x", but must be a whole number from 0 to 65535',
  ]);
});

test('production demands a secret key and writes nothing', () => {
  expect(
    problemsOf({ RUSHES_ENV: 'production', RUSHES_SECRET_KEY: undefined, RUSHES_DATA_DIR: path.join(dataDir, 'new') }),
  ).toEqual([expect.stringMatching(/^RUSHES_SECRET_KEY is required in production/)]);
  expect(() => statSync(path.join(dataDir, 'new'))).toThrow();
});

test('development makes a key, keeps it private and uses it again', () => {
  const env = { RUSHES_DATA_DIR: path.join(dataDir, 'new') };
  const first = loadConfig(env).secretKey;
  expect(first).toHaveLength(32);
  expect(first).not.toEqual(new Uint8Array(32));
  expect(loadConfig(env).secretKey).toEqual(first);
  expect(statSync(path.join(dataDir, 'new', 'secret-key')).mode & 0o777).toBe(0o600);
});

test('a damaged key file is an answer and not a new key', () => {
  writeFileSync(path.join(dataDir, 'secret-key'), 'half a k');
  expect(problemsOf({ RUSHES_SECRET_KEY: undefined, RUSHES_DATA_DIR: dataDir })[0]).toContain('secret-key is damaged');
  expect(readFileSync(path.join(dataDir, 'secret-key'), 'utf8')).toBe('half a k');
});

test('docs/configuration.md explains every variable, and the page of an upstream its own', () => {
  const read = (page: string): string => readFileSync(new URL(`../../../../docs/${page}`, import.meta.url), 'utf8');
  const ofUpstreams = ADAPTERS.flatMap(({ variables }) => Object.values(variables));
  const text = read('configuration.md');
  for (const name of [...VARIABLES, ...CLIENT_VARIABLES]) {
    if (!ofUpstreams.includes(name)) expect(text).toContain(`\`${name}\``);
  }
  for (const { name, variables } of ADAPTERS) {
    for (const variable of Object.values(variables)) expect(read(`upstreams/${name}.md`)).toContain(`\`${variable}\``);
  }
});

test('with an address to be called back at, a submission with an unknown outcome is waited for longer', () => {
  const env = { RUSHES_SECRET_KEY: KEY, RUSHES_PUBLIC_URL: 'https://rushes.example' };
  expect(loadConfig(env).unknownWaitMs).toBe(60_000);
  expect(loadConfig({ ...env, RUSHES_UNKNOWN_WAIT_MS: '5' }).unknownWaitMs).toBe(5);
});
