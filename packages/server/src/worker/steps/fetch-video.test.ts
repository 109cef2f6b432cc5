import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { silentLogger } from '../../../testing/silent-logger.ts';
import { fetchVideo } from './fetch-video.ts';
import { Slots } from '../route/slots.ts';
import type { LeasedTask } from '../task.ts';

const task = {
  accountUuid: 'a',
  batchUuid: 'b',
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
  const deps = {
    clock,
    random: { fraction: () => 0.5 },
    logger: silentLogger,
    downloadSlots: new Slots(1),
    http: { stream: () => Promise.resolve({ status, headers: {}, body }) },
    storage: { put: () => Promise.reject(new Error('not used')), remove: () => Promise.resolve() },
  };
  const route = {
    upstream: { resultLifetimeMs: 7_200_000 },
    polls: { ask: () => Promise.reject(new Error('not used')) },
  };
  const fetching = fetchVideo(deps, route, task, 'http://files.test/1.mp4', lost.signal);
  await expect.poll(() => body.destroyed).toBe(true);
  expect(deps.downloadSlots.take()).toBeNull();
  lost.abort(new Error('the lease was lost'));
  await expect(fetching).rejects.toThrow('the lease was lost');
});
