import { AbortError } from '../errors.ts';

/** The clock, timers and random numbers of the transport. Tests replace them, so that hours of waiting take no time. */
export interface Ports {
  /** Milliseconds of a clock that never goes back. Only differences have a meaning. */
  monotonicMs(): number;
  /** Wall clock in milliseconds since 1970. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds; rejects with `AbortError` as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** Uniform in [0, 1), for jitter. */
  fraction(): number;
  /** A new idempotency key. */
  uuid(): string;
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new AbortError('The caller aborted the wait.', { cause: signal?.reason }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** The clock, the timers and the random numbers of the runtime. */
export const systemPorts: Ports = {
  monotonicMs: () => performance.now(),
  nowMs: () => Date.now(),
  sleep,
  fraction: () => Math.random(),
  uuid: () => crypto.randomUUID(),
};
