import { getRandomValues } from 'node:crypto';
import { homedir } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { AbortError } from '@rushes/sdk';
import type { CliContext, Clock } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { Files } from './files/files.ts';

const SYSTEM_CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  nowMs: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw new AbortError('The wait was interrupted.', { cause: error });
    }
  },
  fraction: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  every(ms, act) {
    const timer = setInterval(act, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

function listenForInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort(new Error(name));
    });
  }
  return controller.signal;
}

/** The machine that this process runs on. The only place of the program that reads it. */
export function systemContext(): CliContext {
  const { env: environment, platform, arch, version, pid } = process;
  return {
    environment,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    files: new Files({
      folder: process.cwd(),
      home: homedir(),
      runId: String(pid),
      hasModes: platform !== 'win32',
    }),
    clock: SYSTEM_CLOCK,
    fetch: globalThis.fetch,
    randomBytes: (length) => getRandomValues(new Uint8Array(length)),
    listenForInterrupt,
    exit: (code) => process.exit(code),
    platform: `${platform}-${arch} node-${version}`,
  };
}
