import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FAILURE_MESSAGES, listedEventSchema, batchIds, eventIds, taskIds, type AccountUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import { latestCheckpoint } from '../sealing/index.ts';
import { createSealer } from '../sealing/sealer.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { EVENT_DATA, eventBody, listEvents, renderEvent, type EventRow } from './events.ts';
import { settleBatch } from '../../testing/webhooks/settled-batch.ts';
import { openWebhookRoom, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

let room: WebhookRoom;
beforeAll(async () => {
  room = await openWebhookRoom();
});
afterAll(async () => {
  await room.close();
});

async function rowsOf(accountUuid: AccountUuid): Promise<EventRow[]> {
  return room.db.query<EventRow>(
    `SELECT v.*, ${EVENT_DATA} AS data FROM events v WHERE v.account_id = $1 ORDER BY v.seq`,
    [accountUuid],
  );
}

async function everyEvent(accountUuid: AccountUuid) {
  const page = await listEvents(room.db, accountUuid, { after: 0, limit: 200 });
  if (!page.ok) throw new Error(page.refusal.detail);
  return page.value.data;
}

describe('a final batch event', () => {
  it('carries the checkpoint that was the latest when the batch ended, the same in every rendering', async () => {
    const accountUuid = await room.account();
    const keysDirectory = await mkdtemp(path.join(tmpdir(), 'rushes-events-'));
    const sealer = createSealer({
      db: room.db,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      keysDirectory,
      serverName: 'test.example',
    });
    try {
      await settleBatch(room.admin, { accountUuid });
      await sealer.round();
      const checkpoint = (await latestCheckpoint(room.db, accountUuid))?.checkpoint;
      await settleBatch(room.admin, { accountUuid });
      const bodies = async (): Promise<string[]> =>
        (await rowsOf(accountUuid))
          .filter(({ type }) => ['batch.completed', 'batch.partial', 'batch.failed'].includes(type))
          .map((row) => eventBody(renderEvent(row)));
      const [first, second] = await bodies();
      await sealer.round();
      expect(await bodies()).toEqual([first, second]);
      expect(JSON.parse(first!)).toMatchObject({ data: { ledger_checkpoint: null } });
      expect(JSON.parse(second!)).toMatchObject({ data: { ledger_checkpoint: checkpoint } });
    } finally {
      await sealer.close();
      await rm(keysDirectory, { recursive: true, force: true });
    }
  });
});

describe('an event', () => {
  it('of a task tells what became of it and of its credits, by public ids', async () => {
    const accountUuid = await room.account();
    const batchUuid = await settleBatch(room.admin, { accountUuid });
    const tasks = (await everyEvent(accountUuid)).filter(({ type }) => type.startsWith('task.'));
    const task = (index: number) => ({
      batch_id: batchIds.format(batchUuid),
      task_id: taskIds.format(batchUuid, index),
      index,
      custom_id: `item-${index}`,
      model: 'sora-2',
      attempts: 2,
    });
    expect(tasks.map(({ type, data }) => ({ type, data }))).toEqual([
      {
        type: 'task.succeeded',
        data: {
          ...task(0),
          status: 'succeeded',
          failure: null,
          credits: { charged: 49, refunded: 0, forfeited: 0 },
          video: { bytes: 1_234, sha256: 'ab'.repeat(32), content_type: 'video/mp4' },
        },
      },
      {
        type: 'task.failed',
        data: {
          ...task(1),
          status: 'failed',
          failure: { type: 'moderation_input', message: FAILURE_MESSAGES.moderation_input },
          credits: { charged: 0, refunded: 0, forfeited: 49 },
          video: null,
        },
      },
      {
        type: 'task.failed',
        data: {
          ...task(2),
          status: 'failed',
          failure: { type: 'provider_error', message: FAILURE_MESSAGES.provider_error },
          credits: { charged: 0, refunded: 49, forfeited: 0 },
          video: null,
        },
      },
    ]);
  });

  it('of a batch shows it as the API does, at the time of the event', async () => {
    const accountUuid = await room.account();
    const metadata = { campaign: 'autumn' };
    const batchUuid = await settleBatch(room.admin, { accountUuid, metadata, requestId: 'order-7' });
    const events = await everyEvent(accountUuid);
    const [processing, paused] = events;
    const partial = events.at(-1)!;
    expect(processing).toMatchObject({
      type: 'batch.processing',
      data: {
        status: 'processing',
        counts: { total: 3, queued: 3, processing: 0, succeeded: 0, failed: 0, canceled: 0 },
      },
    });
    expect(paused).toMatchObject({ type: 'batch.paused', data: { reason: 'max_failure_rate' } });
    const iso = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/) as unknown;
    expect(partial).toEqual({
      id: eventIds.format(accountUuid, partial.seq),
      seq: partial.seq,
      type: 'batch.partial',
      created_at: iso,
      data: {
        id: batchIds.format(batchUuid),
        batch_id: batchIds.format(batchUuid),
        request_id: 'order-7',
        model: 'sora-2',
        status: 'partial',
        counts: { total: 3, queued: 0, processing: 0, succeeded: 1, failed: 2, canceled: 0 },
        credits: { unit_price: 49, reserved: 147, held: 0, charged: 49, refunded: 49, forfeited: 49 },
        metadata,
        created_at: iso,
        started_at: iso,
        ledger_checkpoint: null,
        finished_at: iso,
      },
    });
    for (const event of events) listedEventSchema.parse(event);
  });

  it("never has a prompt, a link, an upstream's text or a raw uuid in it", async () => {
    const accountUuid = await room.account();
    const batchUuid = await settleBatch(room.admin, { accountUuid, requestId: 'order-8' });
    const text = JSON.stringify(await everyEvent(accountUuid));
    for (const secret of ['secret', 'u-0', batchUuid, accountUuid]) expect(text).not.toContain(secret);
  });

  it('has the same bytes each time it is rendered', async () => {
    const accountUuid = await room.account();
    await settleBatch(room.admin, { accountUuid, metadata: { z: '1', a: '2', lang: '中文' } });
    const bodies = async () => (await rowsOf(accountUuid)).map((row) => eventBody(renderEvent(row)));
    expect(await bodies()).toEqual(await bodies());
  });

  it('stays under 20 kB with the largest metadata, and says what it left out', async () => {
    const accountUuid = await room.account();
    const large = Object.fromEntries(
      Array.from({ length: 16 }, (_, key) => [`k${key}`.padEnd(64, '画'), '画'.repeat(512)]),
    );
    await settleBatch(room.admin, { accountUuid, metadata: large, requestId: '"'.repeat(255) });
    const rows = await rowsOf(accountUuid);
    for (const row of rows) expect(Buffer.byteLength(eventBody(renderEvent(row)))).toBeLessThan(20_000);
    expect(renderEvent(rows.at(-1)!).data).toMatchObject({ metadata: {}, metadata_omitted: true, status: 'partial' });
  });
});

describe('the event list', () => {
  it('goes on behind a number, page by page, without holes', async () => {
    const accountUuid = await room.account();
    await room.events(accountUuid, 25);
    const seen: number[] = [];
    for (let after = 0; ;) {
      const page = await listEvents(room.db, accountUuid, { after, limit: 10 });
      if (!page.ok) throw new Error(page.refusal.detail);
      seen.push(...page.value.data.map(({ seq }) => seq));
      if (page.value.next_cursor === null) break;
      after = Number(page.value.next_cursor);
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => at + 1));
  });

  it('has no holes for a reader under 16 concurrent writers', async () => {
    const accountUuid = await room.account();
    let writing = 16;
    const writers = Array.from({ length: 16 }, async () => {
      for (let at = 0; at < 20; at += 1) await room.events(accountUuid, 1);
      writing -= 1;
    });
    const seen: number[] = [];
    for (let last = false; !last;) {
      last = writing === 0;
      const page = await listEvents(room.db, accountUuid, { after: seen.at(-1) ?? 0, limit: 200 });
      if (!page.ok) throw new Error(page.refusal.detail);
      seen.push(...page.value.data.map(({ seq }) => seq));
    }
    await Promise.all(writers);
    expect(seen).toEqual(Array.from({ length: 320 }, (_, at) => at + 1));
  });

  it("is the account's own", async () => {
    const [mine, other] = [await room.account(), await room.account()];
    await room.events(other, 3);
    expect(await everyEvent(mine)).toEqual([]);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 60])('refuses to go on behind %d', async (after) => {
    const page = await listEvents(room.db, await room.account(), { after, limit: 10 });
    expect(page).toMatchObject({ ok: false, refusal: { code: 'invalid_request', param: 'after' } });
  });
});
