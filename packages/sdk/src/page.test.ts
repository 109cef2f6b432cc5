import { expect, test } from 'vitest';
import { aTask, clientFor } from '../test/fixtures.ts';
import { answer, serve, type ScriptedServer } from '../test/scripted-server.ts';
import { InvalidResponseError } from './errors.ts';

/** Serves five tasks, two at a time. */
function servePages(): Promise<ScriptedServer> {
  return serve(({ url }, response) => {
    const from = Number(url.searchParams.get('cursor') ?? '0');
    const data = [0, 1, 2, 3, 4].slice(from, from + 2).map((index) => aTask(index));
    const has_more = from + 2 < 5;
    answer(response, 200, { data, has_more, next_cursor: has_more ? String(from + 2) : null });
  });
}

test('a list awaited is its first page, with the raw response at hand', async () => {
  const server = await servePages();
  const page = await clientFor(server.url).batches.tasks('bat_1', { status: 'failed', limit: 2 });
  expect(page.data.map(({ index }) => index)).toEqual([0, 1]);
  expect(page.has_more).toBe(true);
  expect((await page.nextPage())?.data.map(({ index }) => index)).toEqual([2, 3]);
  expect(server.seen[1]!.url.search).toBe('?status=failed&limit=2&cursor=2');
  const { traceId } = await clientFor(server.url).batches.tasks('bat_1').withResponse();
  expect(traceId).toBe('trc_1');
});

test('a list iterated gives every object of every page, one request a page', async () => {
  const server = await servePages();
  const indexes: number[] = [];
  for await (const task of clientFor(server.url).batches.tasks('bat_1')) indexes.push(task.index);
  expect(indexes).toEqual([0, 1, 2, 3, 4]);
  expect(server.seen).toHaveLength(3);
});

test('leaving the loop asks for no further page', async () => {
  const server = await servePages();
  for await (const task of clientFor(server.url).batches.tasks('bat_1')) if (task.index === 1) break;
  expect(server.seen).toHaveLength(1);
});

test.each([null, 'again'])(
  'a server that says there is more without saying where (%j) does not loop',
  async (cursor) => {
    const server = await serve((_, response) =>
      answer(response, 200, { data: [aTask(0)], has_more: true, next_cursor: cursor }),
    );
    const all = async (): Promise<void> => {
      for await (const task of clientFor(server.url).batches.tasks('bat_1')) expect(task.index).toBe(0);
    };
    await expect(all()).rejects.toThrow(/gives no cursor/);
    expect(server.seen.length).toBeLessThanOrEqual(2);
  },
);

test('an answer that is no list is refused', async () => {
  const server = await serve((_, response) => answer(response, 200, { ok: true }));
  await expect(clientFor(server.url).batches.list()).rejects.toBeInstanceOf(InvalidResponseError);
});

test('events go on after the last seq seen, and wait only for the first page', async () => {
  const server = await serve(({ url }, response) => {
    const after = Number(url.searchParams.get('after'));
    const data = [1, 2, 3, 4].filter((seq) => seq > after).slice(0, 2);
    answer(response, 200, { data: data.map((seq) => ({ seq })), has_more: after < 2, next_cursor: 'unused' });
  });
  const seqs: number[] = [];
  for await (const event of clientFor(server.url).events.list({ after: 0, wait: 20 })) seqs.push(event.seq);
  expect(seqs).toEqual([1, 2, 3, 4]);
  expect(server.seen.map(({ url }) => url.search)).toEqual(['?after=0&wait=20', '?after=2']);
});

test('dates in a filter are sent in UTC', async () => {
  const server = await servePages();
  await clientFor(server.url).batches.list({ created_after: new Date(0), status: 'partial' });
  expect(server.seen[0]!.url.searchParams.get('created_after')).toBe('1970-01-01T00:00:00.000Z');
});
