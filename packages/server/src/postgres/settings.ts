/**
 * PostgreSQL's settings, given on its command line at every start: an upgrade of Rushes brings its settings along, and
 * nothing has to be written into a directory that belongs to another user. Who wants to tune runs a PostgreSQL of
 * their own and sets DATABASE_URL.
 */
import { EMBEDDED_POSTGRES_MAX_CONNECTIONS } from './limits.ts';

const SETTINGS: Readonly<Record<string, string>> = {
  cluster_name: 'rushes',
  // Only this machine, only by password; a socket file would need a directory that everybody on the machine can find.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  max_connections: String(EMBEDDED_POSTGRES_MAX_CONNECTIONS),

  // These are the defaults. They stand here because a ledger must never run with anything less.
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',

  // The hot set is the open batches' tasks and the balances, some tens of MB; the rest of memory is the file cache's.
  shared_buffers: '256MB',
  // Bursts of 10,000 rows: fewer checkpoints mean fewer full page images in the log. Bounds a crash's replay to 1 GB.
  max_wal_size: '1GB',
  checkpoint_timeout: '10min',
  // Embedded means a local disk, today an SSD; the default of 4 is for spinning ones and avoids index scans.
  random_page_cost: '1.1',
  // Short statements only: compiling them costs more than it saves.
  jit: 'off',
  // Task rows are updated several times within seconds; dead versions are cheapest to collect while still cached.
  autovacuum_naptime: '15s',

  TimeZone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // Starts, stops and crashes. Errors of statements reach the application, which logs them; here they would carry
  // customers' prompts into a file that retention does not know.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

/** Arguments for `postgres`, one `-c name=value` each. */
export function settingsArguments(port: number): string[] {
  return Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * All that Postgres and its tools see of our environment: it holds secrets, and a subprocess's environment can be read
 * in /proc. Windows programs do not start without the two names.
 */
export function cleanEnvironment(): Record<string, string> {
  const base = { LC_ALL: 'C', TZ: 'UTC' };
  if (process.platform !== 'win32') return { ...base, PATH: '/usr/local/bin:/usr/bin:/bin' };
  return { ...base, PATH: 'C:\\Windows\\System32', SystemRoot: 'C:\\Windows' };
}
