import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { silentLogger } from '../../../testing/silent-logger.ts';
import type { Engine, RouteState } from '../engine.ts';
import { fetchVideo } from './fetch-video.ts';
import { Slots } from '../route/slots.ts';
import type { LeasedTask } from '../task.ts';

const task = {
  accountId: 'a',
  batchId: 'b',
  index: 0,
  fence: 1,
  timeoutMs: 600_000,
  upstreamId: 'id',
} as LeasedTask & {
  upstreamId: string;
};

it.each([
  ['is no video', 200, '<!doctype html><p>sorry</p>'],
  ['answers an error', 503, 'try again'],
])('the body of a result that %s is let go at once: it keeps no connection and no slot', async (_, status, content) => {
  const clock = new ManualClock();
  const lost = new AbortController();
  const body = Readable.from(
    (async function* endless() {
      yield Buffer.from(content);
      await new Promise(() => undefined);
    })(),
  );
  const engine = {
    clock,
    random: { fraction: () => 0.5 },
    logger: silentLogger,
    downloads: new Slots(1),
    http: { stream: () => Promise.resolve({ status, headers: {}, body }) },
  } as unknown as Engine;
  const state = { route: { upstream: { capabilities: { resultLifetimeMs: 7_200_000 } } } } as unknown as RouteState;
  const fetching = fetchVideo(engine, state, task, 'http://files.test/1.mp4', lost.signal);
  await expect.poll(() => body.destroyed).toBe(true);
  expect(engine.downloads.take()).toBeNull();
  lost.abort(new Error('the lease was lost'));
  await expect(fetching).rejects.toThrow('the lease was lost');
});
