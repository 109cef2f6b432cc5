import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointUuid } from '@rushes/contract';
import { deleteEndpoint } from './endpoints.ts';
import { fanOut, FIRST_POSITION } from './fan-out.ts';
import { EVENTS_PER_FAN_OUT, MAX_DUE_PER_ENDPOINT } from './limits.ts';
import { openWebhookRoom, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

const URL_NOBODY_CALLS = 'http://127.0.0.1:9/';

let room: WebhookRoom;
beforeAll(async () => {
  room = await openWebhookRoom();
});
afterAll(async () => {
  await room.close();
});

/** Rounds until nothing is left. */
async function fanOutAll(): Promise<void> {
  for (let position = FIRST_POSITION; ;) {
    const { moved, next } = await fanOut(room.db, position, 0);
    if (moved === 0 && position === FIRST_POSITION) return;
    position = next;
  }
}

async function seqsOf(endpointUuid: EndpointUuid): Promise<number[]> {
  const rows = await room.db.query<{ event_seq: number }>(
    'SELECT event_seq FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY event_seq',
    [endpointUuid],
  );
  return rows.map(({ event_seq }) => event_seq);
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('fan-out', () => {
  it('makes a delivery of every event since the endpoint was created', async () => {
    const accountUuid = await room.account();
    await room.events(accountUuid, 3);
    const endpoint = await room.endpoint(accountUuid, URL_NOBODY_CALLS);
    await room.events(accountUuid, 900);
    await fanOutAll();
    expect(await seqsOf(endpoint.endpointUuid)).toEqual(numbers(4, 903));
  });

  it('leaves events where they are while an endpoint has enough due, and goes on when some was tried', async () => {
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, URL_NOBODY_CALLS);
    const quick = await room.endpoint(accountUuid, URL_NOBODY_CALLS, ['batch.failed']);
    await room.events(accountUuid, MAX_DUE_PER_ENDPOINT + 2 * EVENTS_PER_FAN_OUT);
    await room.events(accountUuid, 1, 'batch.failed');
    await fanOutAll();
    expect(await seqsOf(endpoint.endpointUuid)).toEqual(numbers(1, MAX_DUE_PER_ENDPOINT));
    expect(await seqsOf(quick.endpointUuid)).toHaveLength(1);
    // Retries that wait for their time hold up nothing.
    await room.db.query(
      `UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at + interval '1 minute'
       WHERE account_id = $1 AND endpoint_id = $2 AND event_seq <= 100`,
      [accountUuid, endpoint.endpointUuid],
    );
    await fanOutAll();
    expect(await seqsOf(endpoint.endpointUuid)).toEqual(numbers(1, MAX_DUE_PER_ENDPOINT + EVENTS_PER_FAN_OUT));
  });

  it('keeps to the event types of an endpoint, and to the endpoint that an event names', async () => {
    const accountUuid = await room.account();
    const all = await room.endpoint(accountUuid, URL_NOBODY_CALLS);
    const failures = await room.endpoint(accountUuid, URL_NOBODY_CALLS, ['task.failed', 'batch.failed']);
    await room.events(accountUuid, 1, 'task.failed');
    await room.events(accountUuid, 1, 'webhook.test');
    await room.events(accountUuid, 1, 'task.failed', all.endpointUuid);
    await room.events(accountUuid, 1, 'batch.failed');
    await fanOutAll();
    expect(await seqsOf(all.endpointUuid)).toEqual([1, 2, 3, 4]);
    expect(await seqsOf(failures.endpointUuid)).toEqual([1, 4]);
  });

  it('makes nothing for endpoints that are disabled or deleted, or of another account', async () => {
    const accountUuid = await room.account();
    const disabled = await room.endpoint(accountUuid, URL_NOBODY_CALLS);
    const deleted = await room.endpoint(accountUuid, URL_NOBODY_CALLS);
    const foreign = await room.endpoint(await room.account(), URL_NOBODY_CALLS);
    await room.db.query('UPDATE webhook_endpoints SET enabled = false WHERE endpoint_id = $1', [disabled.endpointUuid]);
    await deleteEndpoint(room.db, accountUuid, deleted.endpointUuid);
    await room.events(accountUuid, 2);
    await fanOutAll();
    for (const { endpointUuid } of [disabled, deleted, foreign]) expect(await seqsOf(endpointUuid)).toEqual([]);
  });

  it('skips nothing and repeats nothing with writers, and many workers at once', async () => {
    const accounts = await Promise.all(numbers(1, 4).map(() => room.account()));
    const endpoints = await Promise.all(
      accounts.flatMap((accountUuid) => [
        room.endpoint(accountUuid, URL_NOBODY_CALLS),
        room.endpoint(accountUuid, URL_NOBODY_CALLS),
      ]),
    );
    let writing = true;
    const writers = Promise.all(
      [...accounts, ...accounts].map(async (accountUuid) => {
        for (let at = 0; at < 30; at += 1) await room.events(accountUuid, 7);
      }),
    ).finally(() => {
      writing = false;
    });
    const workers = numbers(1, 4).map(async () => {
      while (writing) await fanOut(room.db, FIRST_POSITION, 0);
    });
    await Promise.all([writers, ...workers]);
    await fanOutAll();
    for (const { endpointUuid } of endpoints) expect(await seqsOf(endpointUuid)).toEqual(numbers(1, 420));
  });

  it('reaches every one of more endpoints than fit into a round', async () => {
    const accounts = await Promise.all(numbers(1, 7).map(() => room.account()));
    const endpoints = [];
    for (const accountUuid of accounts) {
      for (let at = 0; at < 20; at += 1) endpoints.push(await room.endpoint(accountUuid, URL_NOBODY_CALLS));
      await room.events(accountUuid, 2);
    }
    await fanOutAll();
    for (const { endpointUuid } of endpoints) expect(await seqsOf(endpointUuid)).toEqual([1, 2]);
  });

  it('does not wait for a settlement, nor a settlement for it', async () => {
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, URL_NOBODY_CALLS);
    await room.events(accountUuid, 2);
    await room.db.transaction(async (settlement) => {
      await settlement.query(`SELECT append_event($1, 'webhook.test', NULL, NULL, NULL, '{}')`, [accountUuid]);
      await fanOutAll();
      expect(await seqsOf(endpoint.endpointUuid)).toEqual([1, 2]);
    });
    await room.db.transaction(async (tx) => {
      await fanOut(tx, FIRST_POSITION, 0);
      await room.events(accountUuid, 1);
    });
    await fanOutAll();
    expect(await seqsOf(endpoint.endpointUuid)).toEqual([1, 2, 3, 4]);
  });
});
