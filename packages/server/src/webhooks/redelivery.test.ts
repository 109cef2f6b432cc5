import { eventIds, type EventType, type WebhookDelivery, type AccountUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { updateEndpoint } from './change-endpoint.ts';
import { getEndpoint } from './endpoint-view.ts';
import { redeliver, redeliverSince, type RedeliveryRequest } from './redelivery.ts';
import { startReceiver, type Receiver } from '../../testing/webhooks/receiver.ts';
import { openWebhookRoom, until, type MadeEndpoint, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

let room: WebhookRoom;
const receivers: Receiver[] = [];
beforeAll(async () => {
  room = await openWebhookRoom();
  // One automatic attempt, so that a failure is the last one.
  room.deliver({ attemptTimesMs: [0] });
});
afterAll(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()));
  await room.close();
});

/** An endpoint whose receiver answers as `answer.status` says at the time. It is not told that it is failing. */
async function scene(events: readonly EventType[] = ['webhook.test']) {
  const answer = { status: 500 };
  const receiver = await startReceiver((response) => response.writeHead(answer.status).end());
  receivers.push(receiver);
  const accountUuid = await room.account();
  return { answer, receiver, accountUuid, endpoint: await room.endpoint(accountUuid, receiver.url, events) };
}

const again = (endpoint: MadeEndpoint, seq: number) => room.db.transaction((tx) => redeliver(tx, endpoint, seq));

const allSince = (endpoint: MadeEndpoint, request: Partial<RedeliveryRequest>) =>
  room.db.transaction((tx) =>
    redeliverSince(tx, { ...endpoint, since: 1, states: ['exhausted', 'missed'], ...request }),
  );

async function settledWith(
  accountUuid: AccountUuid,
  when: (deliveries: readonly WebhookDelivery[]) => boolean,
): Promise<WebhookDelivery[]> {
  return until(async () => {
    const deliveries = await room.deliveries(accountUuid);
    return deliveries.every(({ state }) => state !== 'pending') && when(deliveries) ? deliveries : null;
  });
}

const attemptsOf = (count: number, attempts: number) => (deliveries: readonly WebhookDelivery[]) =>
  deliveries.length === count && deliveries.every((delivery) => delivery.attempts.length === attempts);

describe('redelivering one', () => {
  it('makes one attempt with the same id and bytes, and delivers', async () => {
    const { answer, receiver, accountUuid, endpoint } = await scene();
    await room.events(accountUuid, 1);
    const [lost] = await settledWith(accountUuid, attemptsOf(1, 1));
    expect(lost).toMatchObject({ state: 'exhausted', attempts: [{ manual: false }] });
    answer.status = 200;
    expect(await again(endpoint, 1)).toMatchObject({
      ok: true,
      value: { id: lost!.id, state: 'pending', exhausted_reason: null },
    });
    const [delivered] = await settledWith(accountUuid, attemptsOf(1, 2));
    expect(delivered).toMatchObject({
      state: 'delivered',
      attempts: [
        { attempt: 1, status_code: 500, manual: false },
        { attempt: 2, status_code: 200, manual: true },
      ],
    });
    expect(receiver.ids()).toEqual([lost!.event_id, lost!.event_id]);
    expect(receiver.received[0]!.body).toBe(receiver.received[1]!.body);
  });

  it('that fails is what it was before: exhausted, or delivered', async () => {
    const { answer, accountUuid, endpoint } = await scene();
    answer.status = 200;
    await room.events(accountUuid, 1);
    await settledWith(accountUuid, attemptsOf(1, 1));
    answer.status = 500;
    await again(endpoint, 1);
    expect(await settledWith(accountUuid, attemptsOf(1, 2))).toMatchObject([
      { state: 'delivered', exhausted_reason: null, next_attempt_at: null },
    ]);
    await room.events(accountUuid, 1);
    await settledWith(accountUuid, (all) => all.length === 2);
    await again(endpoint, 2);
    const [, second] = await settledWith(accountUuid, (all) => all[1]!.attempts.length === 2);
    expect(second).toMatchObject({ state: 'exhausted', exhausted_reason: 'attempts_used_up', next_attempt_at: null });
  });

  it('brings the next automatic attempt of a pending one forward', async () => {
    const { answer, accountUuid, endpoint } = await scene();
    await room.events(accountUuid, 1);
    await settledWith(accountUuid, attemptsOf(1, 1));
    // As if it had attempts left.
    await room.admin.query(
      `UPDATE webhook_deliveries SET state = 'pending', exhausted_reason = NULL, next_attempt_at = rushes_now() + interval '1 hour'
       WHERE account_id = $1`,
      [accountUuid],
    );
    answer.status = 200;
    expect(await again(endpoint, 1)).toMatchObject({ ok: true, value: { state: 'pending' } });
    expect(await settledWith(accountUuid, attemptsOf(1, 2))).toMatchObject([
      { state: 'delivered', attempts: [{ manual: false }, { manual: false }] },
    ]);
  });

  it('is refused while the endpoint is disabled, and unknown to other accounts', async () => {
    const { accountUuid, endpoint } = await scene();
    await room.events(accountUuid, 1);
    await settledWith(accountUuid, attemptsOf(1, 1));
    expect(await again({ ...endpoint, accountUuid: await room.account() }, 1)).toBeNull();
    expect(await again(endpoint, 2)).toBeNull();
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: false }));
    expect(await again(endpoint, 1)).toMatchObject({ ok: false, refusal: { code: 'state_conflict' } });
    expect(await room.deliveries(accountUuid)).toMatchObject([{ state: 'exhausted' }]);
  });

  it('whose endpoint is disabled before the attempt goes back to what it was', async () => {
    const { answer, accountUuid, endpoint } = await scene();
    answer.status = 200;
    await room.events(accountUuid, 1);
    await settledWith(accountUuid, attemptsOf(1, 1));
    await room.db.transaction(async (tx) => {
      await redeliver(tx, endpoint, 1);
      await updateEndpoint(tx, endpoint, { enabled: false });
    });
    expect(await settledWith(accountUuid, () => true)).toMatchObject([
      { state: 'delivered', exhausted_reason: null, attempts: [{ attempt: 1 }] },
    ]);
  });

  it('leaves an attempt from before without a say in it', async () => {
    const held: (() => void)[] = [];
    const receiver = await startReceiver((response) => void held.push(() => response.writeHead(500).end()));
    receivers.push(receiver);
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url, ['webhook.test']);
    await room.events(accountUuid, 1);
    await until(() => (held.length === 1 ? true : null));
    // Ended while the first attempt is under way, then asked for again.
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: false }));
    await settledWith(accountUuid, (all) => all.length === 1);
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: true }));
    await again(endpoint, 1);
    held[0]!();
    await until(() => (held.length === 2 ? true : null));
    expect(await room.deliveries(accountUuid)).toMatchObject([{ state: 'pending' }]);
    held[1]!();
    const [delivery] = await settledWith(accountUuid, attemptsOf(1, 2));
    expect(delivery!.attempts.map(({ manual }) => manual)).toEqual([false, true]);
  });
});

describe('redelivering all since', () => {
  it('an event sends what was given up from there on, and counts it', async () => {
    const { answer, receiver, accountUuid, endpoint } = await scene();
    await room.events(accountUuid, 6);
    await settledWith(accountUuid, attemptsOf(6, 1));
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({ exhausted_count: 6 });
    answer.status = 200;
    expect(await allSince(endpoint, { since: 3 })).toEqual({ ok: true, value: { count: 4, next_since: null } });
    const deliveries = await settledWith(accountUuid, (all) => all.at(-1)!.attempts.length === 2);
    expect(deliveries.map(({ state }) => state)).toEqual([
      'exhausted',
      'exhausted',
      'delivered',
      'delivered',
      'delivered',
      'delivered',
    ]);
    expect(receiver.ids().slice(6).toSorted()).toEqual(
      [3, 4, 5, 6].map((seq) => eventIds.format(accountUuid, seq)).toSorted(),
    );
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({ exhausted_count: 2 });
    // Delivered ones only when asked for.
    expect(await allSince(endpoint, { since: 3 })).toMatchObject({ value: { count: 0 } });
    expect(await allSince(endpoint, { since: 6, states: ['delivered'] })).toMatchObject({ value: { count: 1 } });
    await settledWith(accountUuid, (all) => all.at(-1)!.attempts.length === 3);
  });

  it('a time sends what happened from then on', async () => {
    const { accountUuid, endpoint } = await scene();
    const now = async () => (await room.db.query<{ now: Date }>('SELECT rushes_now() AS now'))[0]!.now;
    await room.events(accountUuid, 5);
    await room.advance(60_000);
    const between = await now();
    await room.advance(60_000);
    const [later] = await room.events(accountUuid, 2);
    await settledWith(accountUuid, attemptsOf(7, 1));
    const [first] = await room.db.query<{ created_at: Date }>(
      'SELECT created_at FROM events WHERE account_id = $1 AND seq = $2',
      [accountUuid, later!],
    );
    for (const [since, count] of [
      [new Date(0), 7],
      [between, 2],
      [first!.created_at, 2],
      [new Date((await now()).getTime() + 1_000), 0],
    ] as const) {
      expect(await allSince(endpoint, { since }), since.toISOString()).toMatchObject({ value: { count } });
      await settledWith(accountUuid, () => true);
    }
  });

  it('sends events that were missed while the endpoint was disabled, and only those it takes', async () => {
    const { answer, receiver, accountUuid, endpoint } = await scene(['batch.failed', 'batch.completed']);
    answer.status = 200;
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: false }));
    await room.events(accountUuid, 2, 'batch.failed');
    await room.events(accountUuid, 2, 'task.failed');
    await room.events(accountUuid, 1, 'batch.completed', (await room.endpoint(accountUuid, receiver.url)).endpointUuid);
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: true }));
    expect(await allSince(endpoint, { states: ['exhausted'] })).toMatchObject({ value: { count: 0 } });
    expect(await allSince(endpoint, {})).toEqual({ ok: true, value: { count: 2, next_since: null } });
    const mine = (all: readonly WebhookDelivery[]) => all.filter(({ event_type }) => event_type === 'batch.failed');
    const deliveries = await settledWith(accountUuid, (all) => mine(all).length === 2);
    expect(mine(deliveries)).toMatchObject([1, 2].map(() => ({ state: 'delivered', attempts: [{ manual: true }] })));
    expect(await allSince(endpoint, {})).toMatchObject({ value: { count: 0 } });
  });

  it('leaves to fan-out what fan-out has not come to', async () => {
    const { accountUuid, endpoint } = await scene();
    const result = await room.db.transaction(async (tx) => {
      await tx.query(`SELECT append_event($1, 'webhook.test', NULL, NULL, NULL, '{}') FROM generate_series(1, 5)`, [
        accountUuid,
      ]);
      return redeliverSince(tx, { ...endpoint, since: 1, states: ['missed'] });
    });
    expect(result).toEqual({ ok: true, value: { count: 0, next_since: null } });
    expect(await settledWith(accountUuid, attemptsOf(5, 1))).toHaveLength(5);
  });

  it('takes a bounded number a call, and says where to go on', async () => {
    const { answer, accountUuid, endpoint } = await scene();
    answer.status = 200;
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: false }));
    await room.events(accountUuid, 10_003);
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: true }));
    // Not to be sent, only counted.
    const counted = await room.db.transaction(async (tx) => {
      const first = await redeliverSince(tx, { ...endpoint, since: 1, states: ['missed'] });
      const second = await redeliverSince(tx, { ...endpoint, since: 10_001, states: ['missed'] });
      await updateEndpoint(tx, endpoint, { enabled: false });
      return [first, second];
    });
    expect(counted).toEqual([
      { ok: true, value: { count: 10_000, next_since: 10_001 } },
      { ok: true, value: { count: 3, next_since: null } },
    ]);
  });

  it('is refused while the endpoint is disabled', async () => {
    const { endpoint } = await scene();
    await room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled: false }));
    expect(await allSince(endpoint, {})).toMatchObject({ ok: false, refusal: { code: 'state_conflict' } });
  });
});
