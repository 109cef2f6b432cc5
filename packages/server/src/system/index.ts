/** The real clock, the real source of randomness, and the log. Only app.ts and the command line make them. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import type { Clock, Logger, Random } from '../ports.ts';

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/** UUIDv7: 48 bits of Unix milliseconds, version, 74 random bits, variant (RFC 9562, section 5.7). */
export function uuidV7(unixMs: number, random: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(unixMs, 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uuid: () => uuidV7(Date.now(), randomBytes(10)),
  fraction: Math.random,
};

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/**
 * What a log line keeps of an error. Libraries hang whole connections onto theirs; none of that is for a log, and some of
 * it is secret.
 */
function loggedError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const known = Object.fromEntries(
    ['code', 'detail', 'where', 'constraint', 'table'].flatMap((name) => {
      const value: unknown = Reflect.get(error, name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
  const cause = error.cause === undefined || depth > 3 ? {} : { cause: loggedError(error.cause, depth + 1) };
  return { type: error.name, message: error.message, stack: error.stack, ...known, ...cause };
}

/** JSON lines on standard error: standard output belongs to the result of a command. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: (error: unknown) => loggedError(error) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
