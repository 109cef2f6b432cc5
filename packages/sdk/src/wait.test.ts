import { expect, test } from 'vitest';
import { aBatch, clientFor, fakePorts } from '../test/fixtures.ts';
import { answer, refuse, reset, serve } from '../test/scripted-server.ts';
import { AbortError, ConnectionError, NotFoundError } from './errors.ts';
import { WaitTimeoutError } from './wait.ts';

test.each(['completed', 'partial', 'failed', 'canceled'])('resolves with a batch that is %s', async (status) => {
  const server = await serve((_, response, at) =>
    answer(response, 200, aBatch({ status: at < 3 ? 'processing' : status })),
  );
  const seen: string[] = [];
  const batch = await clientFor(server.url).batches.wait('bat_1', { onProgress: (now) => seen.push(now.status) });
  expect(batch.status).toBe(status);
  expect(seen).toEqual(['processing', 'processing', 'processing', status]);
});

test('looks often at first, then rarely, never more rarely than asked', async () => {
  const server = await serve((_, response, at) =>
    answer(response, 200, aBatch({ status: at < 9 ? 'queued' : 'completed' })),
  );
  const ports = fakePorts();
  await clientFor(server.url, {}, ports).batches.wait('bat_1', { pollIntervalMs: 1_000 });
  expect(ports.sleeps).toEqual([250, 375, 562.5, 843.75, 1_000, 1_000, 1_000, 1_000, 1_000]);
});

test('survives a server that is away for a while', async () => {
  const server = await serve((_, response, at) => {
    if (at > 0 && at < 20) {
      if (at % 2 === 0) reset(response);
      else refuse(response, 503, 'unavailable');
      return;
    }
    answer(response, 200, aBatch({ status: at === 0 ? 'queued' : 'completed' }));
  });
  const seen: string[] = [];
  const batch = await clientFor(server.url).batches.wait('bat_1', { onProgress: ({ status }) => seen.push(status) });
  expect(batch.status).toBe('completed');
  expect(seen).toEqual(['queued', 'completed']);
});

test('gives up with the last error when the server stays away, at once with maxRetries 0', async () => {
  const server = await serve((_, response) => reset(response));
  await expect(clientFor(server.url).batches.wait('bat_1')).rejects.toBeInstanceOf(ConnectionError);
  expect(server.seen.length).toBeGreaterThan(20);
  const strict = await serve((_, response) => reset(response));
  await expect(clientFor(strict.url, { maxRetries: 0 }).batches.wait('bat_1')).rejects.toBeInstanceOf(ConnectionError);
  expect(strict.seen).toHaveLength(1);
});

test('an error that will not pass ends the wait', async () => {
  const server = await serve((_, response) => refuse(response, 404, 'not_found'));
  await expect(clientFor(server.url).batches.wait('bat_1')).rejects.toBeInstanceOf(NotFoundError);
  expect(server.seen).toHaveLength(1);
});

test('a refusal of which the server says that it lasts ends the wait', async () => {
  const server = await serve((_, response) => refuse(response, 503, 'gone', {}, { 'x-should-retry': 'false' }));
  await expect(clientFor(server.url).batches.wait('bat_1')).rejects.toMatchObject({ status: 503 });
  expect(server.seen).toHaveLength(1);
});

test('running out of time says how the batch was last seen, and sleeps no longer than that', async () => {
  const server = await serve((_, response) => answer(response, 200, aBatch({ status: 'processing', paused: true })));
  const ports = fakePorts();
  const outcome = clientFor(server.url, {}, ports).batches.wait('bat_1', { timeoutMs: 60_000 });
  await expect(outcome).rejects.toBeInstanceOf(WaitTimeoutError);
  await expect(outcome).rejects.toMatchObject({ batch: { id: 'bat_1' } });
  await expect(outcome).rejects.toThrow(/paused/);
  expect(ports.sleeps.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(60_000);
});

test('the caller’s signal ends the wait', async () => {
  const controller = new AbortController();
  const server = await serve((_, response) => answer(response, 200, aBatch()));
  const ports = fakePorts(() => controller.abort());
  const outcome = clientFor(server.url, {}, ports).batches.wait('bat_1', { signal: controller.signal });
  await expect(outcome).rejects.toBeInstanceOf(AbortError);
  expect(server.seen).toHaveLength(1);
});

test('a status that is not known is final when the batch has an end', async () => {
  const server = await serve((_, response, at) => {
    const finished_at = at < 2 ? null : '2026-11-21T00:00:00.000Z';
    answer(response, 200, aBatch({ status: 'archived', finished_at }));
  });
  expect((await clientFor(server.url).batches.wait('bat_1')).finished_at).not.toBeNull();
  expect(server.seen).toHaveLength(3);
});
