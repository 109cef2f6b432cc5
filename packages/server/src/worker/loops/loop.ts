import type { Engine } from '../engine.ts';

/** Does something again and again until it is stopped; an error is logged and the next round comes all the same. */
export async function every(
  engine: Engine,
  periodMs: number,
  stop: AbortSignal,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  while (!stop.aborted) {
    try {
      await work();
    } catch (error) {
      if (!stop.aborted) engine.logger.error({ err: error }, `${what} failed; it is tried again`);
    }
    await engine.clock.sleep(periodMs, stop).catch(() => undefined);
  }
}
