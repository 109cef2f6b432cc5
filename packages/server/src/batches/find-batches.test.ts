import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from '@rushes/contract';
import type { Outcome } from '../outcome/index.ts';
import {
  create,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  type World,
} from '../../testing/batches/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

function page<T>(outcome: Outcome<Page<T>>): Page<T> {
  if (!outcome.ok) throw new Error(outcome.refusal.detail);
  return outcome.value;
}

async function all<T>(
  read: (cursor: string | null) => Promise<Outcome<Page<T>>>,
  between?: () => Promise<unknown>,
): Promise<T[]> {
  const data: T[] = [];
  let cursor: string | null = null;
  do {
    const next: Page<T> = page(await read(cursor));
    expect(next.has_more).toBe(next.next_cursor !== null);
    data.push(...next.data);
    cursor = next.next_cursor;
    await between?.();
  } while (cursor !== null);
  return data;
}

describe('the list of batches', () => {
  it('shows each batch once, newest first or oldest first, while new ones come', async () => {
    const caller = await openAccount(world, 100_000);
    const made: string[] = [];
    for (let at = 0; at < 7; at += 1) made.push((await create(world, caller, submission())).id);
    // Created in one microsecond, as two servers may.
    await world.admin.query(
      'UPDATE batches SET created_at = (SELECT min(created_at) FROM batches WHERE account_id = $1) WHERE account_id = $1 AND batch_id IN (SELECT batch_id FROM batches WHERE account_id = $1 ORDER BY created_at LIMIT 4)',
      [caller.accountUuid],
    );
    const read = (order: 'asc' | 'desc') => (cursor: string | null) =>
      world.service.list(caller, {}, { limit: 2, order, cursor });
    const newest = await all(read('desc'), () => create(world, caller, submission()));
    expect(newest.map((batch) => batch.id).sort()).toEqual([...made].sort());
    const oldest = await all(read('asc'));
    expect(oldest.slice(0, 7).map((batch) => batch.id)).toEqual(newest.map((batch) => batch.id).reverse());
    expect(oldest).toHaveLength(11);
  });

  it('is filtered by status, model and time', async () => {
    const caller = await openAccount(world, 100_000);
    const one = await create(world, caller, submission());
    const other = await create(world, caller, submission({ model: 'veo-pro' }));
    await world.service.cancel(caller, uuidOf(one), { preview: false });
    const ids = async (filter: Parameters<typeof world.service.list>[1]): Promise<string[]> =>
      page(await world.service.list(caller, filter, { limit: 50, order: 'asc', cursor: null })).data.map(
        (batch) => batch.id,
      );
    expect(await ids({})).toEqual([one.id, other.id]);
    expect(await ids({ status: 'canceled' })).toEqual([one.id]);
    expect(await ids({ model: 'veo-pro' })).toEqual([other.id]);
    expect(await ids({ createdAfter: new Date(Date.parse(other.created_at) + 1_000) })).toEqual([]);
    expect(
      await ids({
        createdBefore: new Date(Date.parse(one.created_at) + 60_000),
        createdAfter: new Date(Date.parse(one.created_at) - 60_000),
      }),
    ).toEqual([one.id, other.id]);
  });

  it('finds the batch of a request_id, whole and case-sensitive, in its own account only', async () => {
    const [caller, stranger] = [await openAccount(world, 100_000), await openAccount(world, 100_000)];
    const batch = await create(world, caller, submission({ request_id: 'Spring 1' }));
    await create(world, caller, submission({ request_id: 'Spring 11' }));
    await create(world, stranger, submission({ request_id: 'Spring 1' }));
    const find = async (requestId: string, status: 'queued' | 'failed' = 'queued'): Promise<string[]> =>
      page(await world.service.list(caller, { requestId, status }, { limit: 1, order: 'desc', cursor: null })).data.map(
        ({ id }) => id,
      );
    expect(await find('Spring 1')).toEqual([batch.id]);
    expect(await find('spring 1')).toEqual([]);
    expect(await find('Spring')).toEqual([]);
    expect(await find('Spring 1', 'failed')).toEqual([]);
  });

  it('refuses a cursor that it did not give out in this order', async () => {
    const caller = await openAccount(world, 100_000);
    await create(world, caller, submission());
    await create(world, caller, submission());
    const { next_cursor: good } = page(await world.service.list(caller, {}, { limit: 1, order: 'desc', cursor: null }));
    const forge = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const uuid = '01890a5d-ac96-774b-bcce-b302099a8057';
    for (const cursor of [
      '',
      'x',
      '!!',
      `${good!}=`,
      forge(['asc', 1, uuid]),
      forge(['desc', 1.5, uuid]),
      forge(['desc', '1', uuid]),
      forge(['desc', 1, "'; DROP TABLE batches"]),
      forge({}),
      Buffer.from(`["desc", 1, "${uuid}"]`).toString('base64url'),
      forge(null),
      'A'.repeat(10_000),
    ]) {
      const outcome = await world.service.list(caller, {}, { limit: 1, order: 'desc', cursor });
      expect(outcome, cursor).toMatchObject({ ok: false, refusal: { code: 'invalid_request', param: 'cursor' } });
    }
    expect((await world.service.list(caller, {}, { limit: 1, order: 'asc', cursor: good })).ok).toBe(false);
  });
});

describe('the tasks of a batch', () => {
  it('are shown by index, filtered by status, failure and custom_id, with what became of their credits', async () => {
    const caller = await openAccount(world, 100_000);
    const items = Array.from({ length: 10 }, (_, at) => ({ prompt: `p${at}`, custom_id: `id-${at}` }));
    const batchUuid = uuidOf(await create(world, caller, submission({ items })));
    const tasks = (await startTasks(world, 100)).filter((task) => task.batchUuid === batchUuid);
    expect(tasks).toHaveLength(10);
    await settle(world.db, caller.accountUuid, batchUuid, [
      { ...tasks[0]!, ending: 'succeeded' },
      { ...tasks[1]!, ending: 'provider_error' },
      { ...tasks[2]!, ending: 'moderation_input' },
    ]);
    const read = (filter: Parameters<typeof world.service.tasks>[2], limit = 4) =>
      all((cursor) => world.service.tasks(caller, batchUuid, filter, { limit, cursor }));
    expect((await read({})).map((task) => task.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await read({ status: 'processing' })).map((task) => task.index)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(await read({ status: 'queued' })).toEqual([]);
    expect(await read({ customId: 'id-7' })).toMatchObject([{ index: 7, prompt: 'p7' }]);
    expect(await read({ status: 'failed', failureType: 'moderation_input' })).toMatchObject([
      {
        index: 2,
        failure: { type: 'moderation_input' },
        credits: { charged: 0, refunded: 0, forfeited: 49 },
        video: null,
      },
    ]);
    expect(await world.service.task(caller, batchUuid, 0)).toMatchObject({
      status: 'succeeded',
      failure: null,
      attempts: 1,
      credits: { charged: 49, refunded: 0, forfeited: 0 },
      video: { bytes: 1_000, sha256: '0'.repeat(64), content_type: 'video/mp4' },
    });
    expect(await world.service.task(caller, batchUuid, 10)).toBeNull();
    expect(await world.service.task(caller, batchUuid, Number.MAX_SAFE_INTEGER)).toBeNull();
    expect((await world.service.tasks(caller, batchUuid, {}, { limit: 1, cursor: 'WzFd' })).ok).toBe(false);
    expect(await world.service.get(caller, batchUuid)).toMatchObject({
      counts: { total: 10, queued: 0, processing: 7, succeeded: 1, failed: 2 },
    });
  });

  it('stream as results in index order, all of them once', async () => {
    const caller = await openAccount(world, 1_000_000);
    const batchUuid = uuidOf(await create(world, caller, submission({}, 1_003)));
    const seen: number[] = [];
    const pages = await world.service.results(caller, batchUuid, {});
    for await (const tasks of pages!) seen.push(...tasks.map((task) => task.index));
    expect(seen).toEqual(Array.from({ length: 1_003 }, (_, at) => at));
  });
});
