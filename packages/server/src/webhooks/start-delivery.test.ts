import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { getEndpoint } from './endpoint-view.ts';
import { deleteEndpoint } from './endpoints.ts';
import { listDeliveries } from './deliveries.ts';
import { startReceiver, type Answer, type Receiver } from '../../testing/webhooks/receiver.ts';
import { settleBatch } from '../../testing/webhooks/settled-batch.ts';
import { openWebhookRoom, until, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

let room: WebhookRoom;
const receivers: Receiver[] = [];
beforeAll(async () => {
  room = await openWebhookRoom();
  room.deliver();
});
afterAll(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()));
  await room.close();
});

async function receiverWith(answer?: Answer): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}

async function settled(accountUuid: AccountUuid, count: number) {
  return until(async () => {
    const deliveries = await room.deliveries(accountUuid);
    return deliveries.length >= count && deliveries.every(({ state }) => state !== 'pending') ? deliveries : null;
  });
}

async function attempted(accountUuid: AccountUuid, attempts: number) {
  return until(async () => {
    const [delivery] = await room.deliveries(accountUuid);
    return delivery?.attempts.length === attempts ? delivery : null;
  });
}

describe('a webhook', () => {
  it('arrives for every event of a settled batch, and the reference library verifies each', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    await settleBatch(room.admin, { accountUuid, metadata: { name: 'Grüße 🎬' } });
    const deliveries = await settled(accountUuid, 6);
    expect(deliveries.map(({ state, exhausted_reason, event_type }) => [event_type, state, exhausted_reason])).toEqual([
      ['batch.processing', 'delivered', null],
      ['batch.paused', 'delivered', null],
      ['task.succeeded', 'delivered', null],
      ['task.failed', 'delivered', null],
      ['task.failed', 'delivered', null],
      ['batch.partial', 'delivered', null],
    ]);
    const webhook = new Webhook(endpoint.secret);
    for (const { body, headers } of receiver.received) {
      const event = webhook.verify(body, headers as Record<string, string>) as { id: string };
      expect(event.id).toBe(headers['webhook-id']);
      expect(headers['user-agent']).toBe('Rushes-Webhooks/1');
      expect(() => webhook.verify(`${body} `, headers as Record<string, string>)).toThrow();
    }
    expect(receiver.ids().toSorted()).toEqual(deliveries.map(({ event_id }) => event_id).toSorted());
  });

  it('tells that credits are low, once, with what is left', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url, ['credits.low']);
    await room.admin.query(`UPDATE accounts SET settings = '{"low_credits_threshold": 900}' WHERE account_id = $1`, [
      accountUuid,
    ]);
    await settleBatch(room.admin, { accountUuid });
    await settled(accountUuid, 1);
    const [first, ...others] = receiver.received.map(({ body }) => JSON.parse(body) as unknown);
    expect(others).toEqual([]);
    expect(first).toMatchObject({ type: 'credits.low', data: { available: 853, threshold: 900 } });
  });

  it('is tried again after about 1 and about 15 minutes with the same id and bytes, then exhausted', async () => {
    const receiver = await receiverWith((response) => response.writeHead(500).end('out of order'));
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 1);
    const first = await attempted(accountUuid, 1);
    const gap = Date.parse(first.next_attempt_at!) - Date.parse(first.attempts[0]!.started_at);
    expect(gap).toBeGreaterThan(47_000);
    expect(gap).toBeLessThan(80_000);
    expect(first.state).toBe('pending');
    await room.advance(80_000);
    const second = await attempted(accountUuid, 2);
    const secondGap = Date.parse(second.next_attempt_at!) - Date.parse(second.attempts[1]!.started_at);
    expect(secondGap).toBeGreaterThan(671_000);
    expect(secondGap).toBeLessThan(1_020_000);
    await room.advance(1_020_000);
    const [last] = await settled(accountUuid, 1);
    expect(last).toMatchObject({ state: 'exhausted', exhausted_reason: 'attempts_used_up', next_attempt_at: null });
    expect(last!.attempts).toMatchObject([
      { attempt: 1, status_code: 500, error: 'HTTP 500', response_excerpt: 'out of order' },
      { attempt: 2, status_code: 500 },
      { attempt: 3, status_code: 500 },
    ]);
    expect(new Set(receiver.ids()).size).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    await room.advance(86_400_000);
    await room.events(accountUuid, 1);
    await until(async () => ((await room.deliveries(accountUuid))[1]?.attempts.length === 1 ? true : null));
    expect(receiver.ids().filter((id) => id === last!.event_id)).toHaveLength(3);
  });

  it('that is accepted at the second attempt is delivered', async () => {
    let answers = 0;
    const receiver = await receiverWith((response) => response.writeHead((answers += 1) === 1 ? 503 : 200).end());
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 1);
    await attempted(accountUuid, 1);
    await room.advance(80_000);
    expect(await settled(accountUuid, 1)).toMatchObject([
      { state: 'delivered', attempts: [{ status_code: 503 }, { status_code: 200 }] },
    ]);
  });

  it('waits as long as Retry-After says', async () => {
    const receiver = await receiverWith((response) => response.writeHead(429, { 'retry-after': '1800' }).end());
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 1);
    const delivery = await attempted(accountUuid, 1);
    const gap = Date.parse(delivery.next_attempt_at!) - Date.parse(delivery.attempts[0]!.started_at);
    expect(gap).toBeGreaterThanOrEqual(1_800_000);
  });

  it('to a receiver that is not there is recorded as refused', async () => {
    const gone = await startReceiver();
    await gone.close();
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, gone.url);
    await room.events(accountUuid, 1);
    const { attempts } = await attempted(accountUuid, 1);
    expect(attempts).toMatchObject([
      { status_code: null, error: 'connection refused (ECONNREFUSED)', response_excerpt: null },
    ]);
  });

  it('whose secret cannot be unsealed is recorded as our error, and is not sent unsigned', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    const [mine, other] = [
      await room.endpoint(accountUuid, receiver.url, ['webhook.test']),
      await room.endpoint(await room.account(), receiver.url),
    ];
    await room.admin.query(
      `UPDATE webhook_endpoints SET sealed_secret = (SELECT sealed_secret FROM webhook_endpoints WHERE endpoint_id = $2) WHERE endpoint_id = $1`,
      [mine.endpointUuid, other.endpointUuid],
    );
    await room.events(accountUuid, 1);
    const { attempts } = await attempted(accountUuid, 1);
    expect(attempts).toMatchObject([{ status_code: null, error: 'not sent: an error on our side' }]);
    expect(receiver.received).toEqual([]);
  });
});

describe('an endpoint', () => {
  it('that answers 410 is disabled with a reason and an event, and what waits for it ends visibly', async () => {
    const dead = await receiverWith((response) => response.writeHead(410).end());
    const watcher = await receiverWith();
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, dead.url, ['webhook.test', 'webhook_endpoint.disabled']);
    await room.endpoint(accountUuid, watcher.url, ['webhook_endpoint.disabled']);
    await room.events(accountUuid, 40);
    const deliveries = await settled(accountUuid, 41);
    const ofDead = deliveries.filter(({ event_type }) => event_type === 'webhook.test');
    expect(ofDead).toHaveLength(40);
    for (const delivery of ofDead) {
      expect(delivery).toMatchObject({
        state: 'exhausted',
        exhausted_reason: 'endpoint_disabled',
        next_attempt_at: null,
      });
    }
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({
      enabled: false,
      disabled_reason: 'The receiver answered 410 Gone.',
    });
    // Once, however many attempts were answered so, and never to the endpoint that it is about.
    const told = watcher.received.map(({ body }) => JSON.parse(body) as { type: string; data: object });
    expect(told).toMatchObject([
      { type: 'webhook_endpoint.disabled', data: { reason: 'The receiver answered 410 Gone.' } },
    ]);
    const attempts = dead.received.length;
    await room.events(accountUuid, 5);
    await room.advance(1_200_000);
    const next = await room.endpoint(accountUuid, watcher.url, ['webhook.test']);
    await room.events(accountUuid, 1);
    await until(async () =>
      (await room.deliveries(accountUuid)).some(
        ({ state, event_type, attempts: made }) =>
          event_type === 'webhook.test' && state === 'delivered' && made.length === 1,
      )
        ? true
        : null,
    );
    expect(next.endpointUuid).not.toBe(endpoint.endpointUuid);
    expect(dead.received).toHaveLength(attempts);
  });

  it('that is deleted has what waits for it ended, with the reason', async () => {
    const receiver = await receiverWith((response) => response.writeHead(500).end());
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 3);
    await until(async () => {
      const deliveries = await room.deliveries(accountUuid);
      return deliveries.length === 3 && deliveries.every(({ attempts }) => attempts.length === 1) ? true : null;
    });
    await deleteEndpoint(room.db, accountUuid, endpoint.endpointUuid);
    for (const delivery of await settled(accountUuid, 3)) {
      expect(delivery).toMatchObject({
        state: 'exhausted',
        exhausted_reason: 'endpoint_deleted',
        attempts: [{ attempt: 1 }],
      });
    }
  });
});

describe('two delivery loops on one database', () => {
  it('deliver each event once', async () => {
    room.deliver();
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 600);
    const deliveries = await settled(accountUuid, 600);
    expect(receiver.ids().toSorted()).toEqual(deliveries.map(({ event_id }) => event_id).toSorted());
    for (const { attempts } of deliveries) expect(attempts).toHaveLength(1);
  });
});

describe('the delivery log', () => {
  it('is paged, filtered and ordered', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    const [one, two] = [await room.endpoint(accountUuid, receiver.url), await room.endpoint(accountUuid, receiver.url)];
    await room.events(accountUuid, 5);
    const all = await settled(accountUuid, 10);
    const listed: string[] = [];
    for (let cursor: string | null = null; ;) {
      const page = await listDeliveries(room.db, accountUuid, {}, { limit: 3, order: 'desc', cursor });
      if (!page.ok) throw new Error(page.refusal.detail);
      listed.push(...page.value.data.map(({ id }) => id));
      cursor = page.value.next_cursor;
      if (cursor === null) break;
    }
    expect(listed).toEqual(all.map(({ id }) => id).toReversed());
    const count = async (filter: Parameters<typeof listDeliveries>[2]) => {
      const page = await listDeliveries(room.db, accountUuid, filter, { limit: 50, order: 'asc', cursor: null });
      return page.ok ? page.value.data.length : null;
    };
    expect(await count({ endpointUuid: one.endpointUuid })).toBe(5);
    expect(await count({ endpointUuid: two.endpointUuid, eventSeq: 2 })).toBe(1);
    expect(await count({ state: 'exhausted' })).toBe(0);
    expect(await count({ state: 'delivered' })).toBe(10);
    const bad = await listDeliveries(room.db, accountUuid, {}, { limit: 3, order: 'asc', cursor: 'x' });
    expect(bad).toMatchObject({ ok: false, refusal: { param: 'cursor' } });
  });
});
