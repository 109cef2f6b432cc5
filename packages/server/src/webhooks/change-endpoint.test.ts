import { endpointIds } from '@rushes/contract';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemRandom } from '../system/index.ts';
import { checkChanges, rotateSecret, testEndpoint, updateEndpoint, type EndpointChanges } from './change-endpoint.ts';
import { getEndpoint } from './endpoint-view.ts';
import { deleteEndpoint } from './endpoints.ts';
import { MAX_RETIRED_SECRETS } from './limits.ts';
import { startReceiver, type Answer, type Receiver } from '../../testing/webhooks/receiver.ts';
import { openWebhookRoom, until, type MadeEndpoint, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

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

const update = (endpoint: MadeEndpoint, changes: EndpointChanges) =>
  room.db.transaction((tx) => updateEndpoint(tx, endpoint, changes));

async function rotate(endpoint: MadeEndpoint, overlapMs: number) {
  const deps = { random: systemRandom, sealer: room.sealer };
  const rotated = await room.db.transaction((tx) => rotateSecret(deps, tx, endpoint, overlapMs));
  if (rotated === null) throw new Error('there is no such endpoint');
  return rotated;
}

async function newSecret(endpoint: MadeEndpoint, overlapMs: number): Promise<string> {
  const rotated = await rotate(endpoint, overlapMs);
  if (!rotated.ok) throw new Error(rotated.refusal.detail);
  return rotated.value.secret!;
}

function verifies(secret: string, { headers, body }: Receiver['received'][number]): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

describe('changing an endpoint', () => {
  it('touches only what is named', async () => {
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, 'http://127.0.0.1:9/a', ['batch.failed']);
    const before = await getEndpoint(room.db, accountUuid, endpoint.endpointUuid);
    expect(await update(endpoint, {})).toEqual(before);
    expect(await update(endpoint, { description: 'Night shift' })).toEqual({ ...before, description: 'Night shift' });
    const events = ['batch.failed', 'batch.failed', 'batch.completed'] as const;
    expect(await update(endpoint, { events })).toMatchObject({
      url: 'http://127.0.0.1:9/a',
      description: 'Night shift',
      events: ['batch.failed', 'batch.completed'],
    });
    expect(await update(endpoint, { description: null, url: 'http://127.0.0.1:9/b', events: [] })).toMatchObject({
      description: null,
      url: 'http://127.0.0.1:9/b',
      events: [],
    });
  });

  it('checks a new URL like the first one', async () => {
    const refused = await checkChanges({ guard: room.guard }, { url: 'https://10.0.0.1/' });
    expect(refused).toMatchObject({ ok: false, refusal: { code: 'invalid_request', param: 'url' } });
    expect(await checkChanges({ guard: room.guard }, { description: 'a\0b' })).toMatchObject({
      ok: false,
      refusal: { param: 'description' },
    });
  });

  it('is not possible for another account, nor once it is deleted', async () => {
    const endpoint = await room.endpoint(await room.account(), 'http://127.0.0.1:9/');
    const stranger = { ...endpoint, accountUuid: await room.account() };
    expect(await update(stranger, { enabled: false })).toBeNull();
    expect(await room.db.transaction((tx) => testEndpoint(tx, stranger))).toBeNull();
    await deleteEndpoint(room.db, endpoint.accountUuid, endpoint.endpointUuid);
    expect(await update(endpoint, { enabled: true })).toBeNull();
    const deps = { random: systemRandom, sealer: room.sealer };
    expect(await room.db.transaction((tx) => rotateSecret(deps, tx, endpoint, 0))).toBeNull();
  });

  it('to disabled ends what waits for it with the reason; enabled again it begins with the next event', async () => {
    const receiver = await receiverWith((response) => response.writeHead(500).end());
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 1);
    await until(async () => ((await room.deliveries(accountUuid))[0]?.attempts.length === 1 ? true : null));
    expect(await update(endpoint, { enabled: false })).toMatchObject({
      enabled: false,
      disabled_reason: 'The account disabled the endpoint itself.',
    });
    await until(async () => ((await room.deliveries(accountUuid))[0]?.state === 'exhausted' ? true : null));
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({ exhausted_count: 1 });
    await room.events(accountUuid, 3);
    expect(await update(endpoint, { enabled: true })).toMatchObject({
      enabled: true,
      disabled_reason: null,
      failing_since: null,
    });
    const [next] = await room.events(accountUuid, 1);
    const deliveries = await until(async () => {
      const found = await room.deliveries(accountUuid);
      return found.length === 2 && found[1]!.attempts.length === 1 ? found : null;
    });
    expect(JSON.parse(receiver.received.at(-1)!.body)).toMatchObject({ data: { number: 1 } });
    expect([next, deliveries[0]!.exhausted_reason]).toEqual([5, 'endpoint_disabled']);
  });

  it('to another URL sends what waits there', async () => {
    const [dead, alive] = [await receiverWith((response) => response.writeHead(500).end()), await receiverWith()];
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, dead.url);
    await room.events(accountUuid, 1);
    await until(async () => ((await room.deliveries(accountUuid))[0]?.attempts.length === 1 ? true : null));
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({
      failing_since: expect.any(String) as string,
      last_delivery_at: null,
    });
    expect(await update(endpoint, { url: alive.url })).toMatchObject({ failing_since: null });
    await room.advance(80_000);
    await until(async () => ((await room.deliveries(accountUuid))[0]?.state === 'delivered' ? true : null));
    expect(alive.ids()).toEqual(dead.ids());
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({
      failing_since: null,
      last_delivery_at: expect.any(String) as string,
    });
  });
});

describe('a test of an endpoint', () => {
  it('reaches it and no other, whatever events it takes', async () => {
    const [mine, other] = [await receiverWith(), await receiverWith()];
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, mine.url, ['batch.completed']);
    await room.endpoint(accountUuid, other.url);
    const tested = await room.db.transaction((tx) => testEndpoint(tx, endpoint));
    expect(tested).toMatchObject({ ok: true, value: { type: 'webhook.test' } });
    if (tested?.ok !== true) return;
    await room.events(accountUuid, 1, 'batch.completed');
    await until(async () => {
      const found = await room.deliveries(accountUuid);
      return found.length === 3 && found.every(({ state }) => state === 'delivered') ? true : null;
    });
    expect(mine.ids()).toContain(tested.value.id);
    expect(other.ids()).not.toContain(tested.value.id);
    expect(verifies(endpoint.secret, mine.received[0]!)).toBe(true);
  });

  it('that is disabled is refused', async () => {
    const endpoint = await room.endpoint(await room.account(), 'http://127.0.0.1:9/');
    await update(endpoint, { enabled: false });
    expect(await room.db.transaction((tx) => testEndpoint(tx, endpoint))).toMatchObject({
      ok: false,
      refusal: { code: 'state_conflict' },
    });
  });
});

describe('rotating a secret', () => {
  it('loses no event: a receiver that takes over the new secret at any moment of the overlap verifies each', async () => {
    const accountUuid = await room.account();
    // Begins with the old secret, and knows the new one alone from the middle of the stream on.
    let known = '';
    const refused: string[] = [];
    const receiver = await receiverWith((response, received) => {
      const isGood = verifies(known, received);
      if (!isGood) refused.push(String(received.headers['webhook-signature']));
      response.writeHead(isGood ? 200 : 401).end();
    });
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    known = endpoint.secret;
    const verified = async (count: number) =>
      until(async () => {
        const found = await room.deliveries(accountUuid);
        return found.length === count && found.every(({ state }) => state === 'delivered') ? true : null;
      });
    await room.events(accountUuid, 50);
    const secret = await newSecret(endpoint, 60_000);
    expect(secret).not.toBe(endpoint.secret);
    await room.events(accountUuid, 50);
    // Everything sent under the old look has been answered; from here on both sign.
    await verified(100);
    await room.events(accountUuid, 50);
    known = secret;
    await room.events(accountUuid, 50);
    await verified(200);
    expect(refused).toEqual([]);
    expect(new Set(receiver.ids()).size).toBe(200);
    const both = receiver.received.at(-1)!;
    expect(String(both.headers['webhook-signature']).split(' ')).toHaveLength(2);
    expect([verifies(secret, both), verifies(endpoint.secret, both)]).toEqual([true, true]);

    await room.advance(60_001);
    expect(await getEndpoint(room.db, accountUuid, endpoint.endpointUuid)).toMatchObject({
      previous_secret_expires_at: null,
    });
    await room.events(accountUuid, 1);
    await verified(201);
    const last = receiver.received.at(-1)!;
    expect([verifies(secret, last), verifies(endpoint.secret, last)]).toEqual([true, false]);
  });

  it('twice keeps the first secret to the end of its own overlap', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    const second = await newSecret(endpoint, 60_000);
    const third = await newSecret(endpoint, 3_600_000);
    await room.events(accountUuid, 1);
    await until(() => (receiver.received.length === 1 ? true : null));
    const verdicts = (at: number) =>
      [endpoint.secret, second, third].map((secret) => verifies(secret, receiver.received[at]!));
    expect(verdicts(0)).toEqual([true, true, true]);
    await room.advance(60_001);
    await room.events(accountUuid, 1);
    await until(() => (receiver.received.length === 2 ? true : null));
    expect(verdicts(1)).toEqual([false, true, true]);
  });

  it('without an overlap ends every older secret at once', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    const second = await newSecret(endpoint, 600_000);
    const third = await newSecret(endpoint, 0);
    await room.events(accountUuid, 1);
    await until(() => (receiver.received.length === 1 ? true : null));
    const verdicts = [endpoint.secret, second, third].map((secret) => verifies(secret, receiver.received[0]!));
    expect(verdicts).toEqual([false, false, true]);
  });

  it('is refused while too many older ones sign still, and changes nothing then', async () => {
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, 'http://127.0.0.1:9/');
    for (let at = 0; at < MAX_RETIRED_SECRETS; at += 1) await newSecret(endpoint, 600_000);
    expect(await rotate(endpoint, 600_000)).toMatchObject({ ok: false, refusal: { code: 'state_conflict' } });
    expect(await rotate(endpoint, 0)).toMatchObject({ ok: true, value: { previous_secret_expires_at: null } });
  });

  it('stores secrets sealed, older ones too, and deleting the endpoint removes them all', async () => {
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, 'http://127.0.0.1:9/');
    const second = await newSecret(endpoint, 600_000);
    const read = async () => {
      const [row] = await room.admin.query<{ sealed_secret: Buffer; retired_secrets: Buffer[] }>(
        'SELECT sealed_secret, retired_secrets FROM webhook_endpoints WHERE account_id = $1 AND endpoint_id = $2',
        [accountUuid, endpoint.endpointUuid],
      );
      return row!;
    };
    const keys = [second, endpoint.secret].map((secret) => Buffer.from(secret.slice('whsec_'.length), 'base64'));
    const stored = await read();
    const sealed = [stored.sealed_secret, ...stored.retired_secrets];
    expect(sealed.map((one) => Buffer.from(room.sealer.unseal(one, endpoint)))).toEqual(keys);
    for (const one of sealed) for (const key of keys) expect(one.includes(key)).toBe(false);
    await deleteEndpoint(room.db, accountUuid, endpoint.endpointUuid);
    expect(await read()).toEqual({ sealed_secret: Buffer.alloc(0), retired_secrets: [] });
  });
});

describe('an attempt that was claimed before a rotation', () => {
  it('is signed with a secret that the receiver may have dropped, and comes again with the new one', async () => {
    let known = '';
    const receiver = await receiverWith((response, received) =>
      response.writeHead(verifies(known, received) ? 200 : 401).end(),
    );
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 1);
    await until(async () => ((await room.deliveries(accountUuid))[0]?.attempts.length === 1 ? true : null));
    known = await newSecret(endpoint, 0);
    await room.advance(80_000);
    await until(async () => ((await room.deliveries(accountUuid))[0]?.state === 'delivered' ? true : null));
    expect(new Set(receiver.ids()).size).toBe(1);
    expect(endpointIds.parse((await room.deliveries(accountUuid))[0]!.endpoint_id)).toBe(endpoint.endpointUuid);
  });
});
