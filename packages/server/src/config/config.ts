/**
 * Reads the environment into one frozen, validated object. All problems are reported together. docs/configuration.md
 * explains each variable.
 */
import path from 'node:path';
import { closestName } from '@rushes/contract/facts/closest-name';
import { DataDirError } from '../data-directory/index.ts';
import { ADAPTERS } from '../upstreams/index.ts';
import { EnvironmentReader, type Environment } from './environment-reader.ts';
import { DAY_MS, HOUR_MS, MAX_PORT, MINUTE_MS } from './bounds.ts';
import { readExecution } from './read-execution.ts';
import { loadOrCreateSecretKey, parseSecretKey, SECRET_KEY_BYTES } from './secret-key.ts';
import { ExplainedError } from '../outcome/index.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export interface Config {
  readonly env: 'development' | 'production';
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** Where customers reach the server, without a trailing slash; null: the address that it listens on. */
  readonly publicUrl: string | null;
  /** A listener of its own for GET /metrics, without a key; null: none. */
  readonly metricsListener: { readonly host: string; readonly port: number } | null;
  /** Absolute. */
  readonly dataDir: string;
  /** Null: the embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  /** For the owner of the tables; null: `databaseUrl` does for both. */
  readonly databaseMigrationUrl: string | null;
  /** 32 bytes. */
  readonly secretKey: Uint8Array;
  /** First part of the origin of every checkpoint, and the name of the keys that sign them. */
  readonly serverName: string;
  /** Where the keys of the ledger's checkpoints and the checkpoint log lie. Absolute. */
  readonly ledgerKeysDir: string;
  /** How often the worker checks the whole ledger. */
  readonly ledgerCheckIntervalMs: number;
  readonly upstream: 'simulator' | 'routes';
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Private ranges that webhooks may be sent to all the same. */
  readonly webhookAllowCidrs: readonly string[];
  /** Public ranges that nothing is sent to; wins over the allowed ones. */
  readonly webhookDenyCidrs: readonly string[];
  /** When each automatic attempt is due, counted from the event. */
  readonly webhookRetryDelaysMs: readonly number[];
  /** Nothing but failures for so long disables an endpoint; null: never. */
  readonly webhookDisableAfterMs: number | null;
  /** Of each upstream API by its name. */
  readonly upstreams: Readonly<Record<string, { readonly apiKey: string | null; readonly baseUrl: string }>>;
  readonly simulator: {
    /** Null: any free port. */
    readonly port: number | null;
    readonly seed: number;
    /** Least and most time that a generation takes. */
    readonly latencyMs: readonly [min: number, max: number];
    /** Share of generations that fail, 0 to 1. */
    readonly failureRate: number;
    /** It is asked by token and for many generations at once, which the API it speaks cannot do. */
    readonly lookup: boolean;
  };
  /** Tasks that one worker process runs at a time. */
  readonly workerConcurrency: number;
  /** Tasks that all workers together run at a time on one route that says nothing else. */
  readonly routeConcurrency: number;
  readonly leaseMs: number;
  /** How often a running generation is asked after. */
  readonly pollIntervalMs: number;
  /** Questions that one worker may ask one upstream in a second. */
  readonly pollRequestsPerSecond: number;
  /** How often a worker looks for work when nothing woke it. */
  readonly dispatchIntervalMs: number;
  /** How long a submission's fate may stay unknown before the task is submitted again. */
  readonly unknownWaitMs: number;
  /** Only models whose timeout differs from their default. */
  readonly modelTimeoutsMs: Readonly<Record<string, number>>;
}

/** The environment of this process. */
export function processEnvironment(): Environment {
  return process.env;
}

/** The environment cannot be used; `problems` has one sentence for each thing that is wrong. */
export class ConfigError extends ExplainedError {
  override readonly name = 'ConfigError';
  override readonly exitCode = 2;
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? '1 problem' : `${String(problems.length)} problems`;
    super(`${count} in the configuration:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Options of the command line, as typed; they win over the environment. */
export interface ConfigOverrides {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** Every name that is known, in the order of docs/configuration.md. */
export const VARIABLES: readonly string[] = [
  'RUSHES_ENV',
  'RUSHES_HOST',
  'RUSHES_PORT',
  'RUSHES_PUBLIC_URL',
  'RUSHES_METRICS_PORT',
  'RUSHES_METRICS_HOST',
  'RUSHES_DATA_DIR',
  'RUSHES_SECRET_KEY',
  'RUSHES_LOG_LEVEL',
  'DATABASE_URL',
  'DATABASE_MIGRATION_URL',
  'RUSHES_SERVER_NAME',
  'RUSHES_LEDGER_KEYS_DIR',
  'RUSHES_LEDGER_CHECK_INTERVAL_MS',
  'RUSHES_UPSTREAM',
  ...ADAPTERS.flatMap(({ variables }) => [variables.apiKey, variables.baseUrl]),
  'RUSHES_SIMULATOR_PORT',
  'RUSHES_SIMULATOR_SEED',
  'RUSHES_SIMULATOR_LATENCY_MS',
  'RUSHES_SIMULATOR_FAILURE_RATE',
  'RUSHES_SIMULATOR_LOOKUP',
  'RUSHES_WORKER_CONCURRENCY',
  'RUSHES_ROUTE_CONCURRENCY',
  'RUSHES_LEASE_MS',
  'RUSHES_POLL_INTERVAL_MS',
  'RUSHES_POLL_REQUESTS_PER_S',
  'RUSHES_DISPATCH_INTERVAL_MS',
  'RUSHES_UNKNOWN_WAIT_MS',
  'RUSHES_MODEL_TIMEOUTS_MS',
  'RUSHES_WEBHOOK_ALLOW_CIDRS',
  'RUSHES_WEBHOOK_DENY_CIDRS',
  'RUSHES_WEBHOOK_RETRY_DELAYS_MS',
  'RUSHES_WEBHOOK_DISABLE_AFTER_HOURS',
];

/** The SDK's and the CLI's; a server started from the same shell has them too. */
export const CLIENT_VARIABLES = ['RUSHES_API_KEY', 'RUSHES_BASE_URL'] as const;

/**
 * Reads and checks everything. In development without RUSHES_SECRET_KEY it makes the key in the data directory, and
 * touches the disk in no other case. Throws ConfigError.
 */
export function loadConfig(env: Environment, overrides: ConfigOverrides = {}): Config {
  const { merged, shownAs } = merge(env, overrides);
  const reader = new EnvironmentReader(merged, shownAs);
  reportUnknownNames(reader, env);
  const settings = { ...readServer(reader), ...readExecution(reader), ...readWebhooks(reader) };
  const secretKey = readSecretKey(reader, settings.env, settings.dataDir);
  if (reader.problems.length > 0 || secretKey === null) throw new ConfigError(reader.problems);
  return deepFreeze({ ...settings, secretKey });
}

function merge(
  env: Environment,
  { host, port, dataDir }: ConfigOverrides,
): { merged: Environment; shownAs: Record<string, string> } {
  const merged: Record<string, string | undefined> = { ...env };
  const shownAs: Record<string, string> = {};
  const options = [
    ['RUSHES_HOST', '--host', host],
    ['RUSHES_PORT', '--port', port],
    ['RUSHES_DATA_DIR', '--data-dir', dataDir],
  ] as const;
  for (const [name, option, value] of options) {
    if (value === undefined) continue;
    merged[name] = value;
    shownAs[name] = option;
  }
  return { merged, shownAs };
}

const PREFIX = 'RUSHES_';

function reportUnknownNames(reader: EnvironmentReader, env: Environment): void {
  const known: readonly string[] = [...VARIABLES, ...CLIENT_VARIABLES];
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith(PREFIX) || known.includes(name)) continue;
    // Behind the prefix, which is right already.
    const rest = closestName(
      name.slice(PREFIX.length),
      known.map((candidate) => candidate.slice(PREFIX.length)),
    );
    const nearest = rest === null ? null : `${PREFIX}${rest}`;
    reader.problem(
      name,
      nearest === null
        ? 'is not a variable of Rushes; docs/configuration.md lists all variables'
        : `is not a variable of Rushes: did you mean ${nearest}?`,
    );
  }
}

function readServer(reader: EnvironmentReader) {
  const databaseUrl = reader.postgresUrl('DATABASE_URL');
  const databaseMigrationUrl = reader.postgresUrl('DATABASE_MIGRATION_URL');
  if (databaseMigrationUrl !== null && reader.optional('DATABASE_URL') === null) {
    reader.problem(
      'DATABASE_MIGRATION_URL',
      'is set, but DATABASE_URL is not: set both, or neither to use the embedded database',
    );
  }
  const dataDir = path.resolve(reader.optional('RUSHES_DATA_DIR') ?? '.rushes');
  return {
    env: reader.oneOf('RUSHES_ENV', ['development', 'production'], 'development'),
    host: readHost(reader, 'RUSHES_HOST'),
    port: reader.integer('RUSHES_PORT', 4600, 0, MAX_PORT),
    publicUrl: reader.httpUrl('RUSHES_PUBLIC_URL'),
    metricsListener: readMetricsListener(reader),
    dataDir,
    serverName: reader.text(
      'RUSHES_SERVER_NAME',
      'rushes.local',
      /^[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?$/,
      'a name like ledger.example.com: letters, digits, dots and hyphens',
    ),
    ledgerKeysDir: path.resolve(reader.optional('RUSHES_LEDGER_KEYS_DIR') ?? path.join(dataDir, 'ledger-keys')),
    ledgerCheckIntervalMs: reader.integer('RUSHES_LEDGER_CHECK_INTERVAL_MS', HOUR_MS, 1_000, 7 * DAY_MS),
    databaseUrl,
    databaseMigrationUrl,
    logLevel: reader.oneOf('RUSHES_LOG_LEVEL', LOG_LEVELS, 'info'),
  } as const;
}

function readHost(reader: EnvironmentReader, name: string): string {
  return reader.text(name, '127.0.0.1', /^[A-Za-z0-9.:_-]+$/, 'a host name or an IP address without brackets');
}

function readMetricsListener(reader: EnvironmentReader): Config['metricsListener'] {
  const host = readHost(reader, 'RUSHES_METRICS_HOST');
  if (reader.optional('RUSHES_METRICS_PORT') !== null) {
    return { host, port: reader.integer('RUSHES_METRICS_PORT', 0, 0, MAX_PORT) };
  }
  if (reader.optional('RUSHES_METRICS_HOST') !== null) {
    reader.problem('RUSHES_METRICS_HOST', 'is set, but RUSHES_METRICS_PORT is not: set both, or neither');
  }
  return null;
}

/** P9 of the product: at most three automatic attempts. */
const MAX_WEBHOOK_ATTEMPTS = 3;

function readWebhooks(reader: EnvironmentReader) {
  const disableAfterHours = reader.integer('RUSHES_WEBHOOK_DISABLE_AFTER_HOURS', 120, 0, 8_760);
  return {
    webhookAllowCidrs: reader.cidrs('RUSHES_WEBHOOK_ALLOW_CIDRS'),
    webhookDenyCidrs: reader.cidrs('RUSHES_WEBHOOK_DENY_CIDRS'),
    webhookDisableAfterMs: disableAfterHours === 0 ? null : disableAfterHours * HOUR_MS,
    webhookRetryDelaysMs: reader.integers(
      'RUSHES_WEBHOOK_RETRY_DELAYS_MS',
      [0, MINUTE_MS, 15 * MINUTE_MS],
      MAX_WEBHOOK_ATTEMPTS,
      DAY_MS,
    ),
  } as const;
}

/** Null when a problem was reported, now or before: nothing is written for a configuration that is refused. */
function readSecretKey(reader: EnvironmentReader, env: Config['env'], dataDir: string): Uint8Array | null {
  const text = reader.optional('RUSHES_SECRET_KEY');
  const wanted = `${String(SECRET_KEY_BYTES)} bytes as base64, for example from: openssl rand -base64 ${String(SECRET_KEY_BYTES)}`;
  if (text !== null) {
    const key = parseSecretKey(text);
    if (key === null) reader.problem('RUSHES_SECRET_KEY', `must be ${wanted}`);
    return key;
  }
  if (env === 'production') {
    reader.problem('RUSHES_SECRET_KEY', `is required in production: ${wanted}`);
    return null;
  }
  if (reader.problems.length > 0) return null;
  try {
    return loadOrCreateSecretKey(dataDir);
  } catch (error) {
    if (!(error instanceof DataDirError)) throw error;
    reader.problem('RUSHES_DATA_DIR', `has no usable key: ${error.message}`);
    return null;
  }
}

function deepFreeze<T extends object>(value: T): Readonly<T> {
  for (const inner of Object.values(value)) {
    // The elements of a typed array cannot be frozen.
    if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
}
