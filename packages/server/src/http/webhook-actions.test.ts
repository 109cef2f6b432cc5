import {
  deliveryIds,
  endpointIds,
  type ListedEvent,
  type Problem,
  type RedeliverResult,
  type WebhookDelivery,
  type WebhookEndpointWithSecret,
} from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestAccount, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
beforeAll(async () => {
  server = await startTestHttpServer();
});
afterAll(() => server.close());

const url = 'https://hooks.example.com/rushes';
const UNKNOWN = 'whe_CxDQsXq8zxDXdqeAG4CVVu';

async function madeEndpoint() {
  const account = await server.account();
  const { body } = await server.client.post<WebhookEndpointWithSecret>('/v1/webhook-endpoints', {
    key: account.key,
    json: { url },
  });
  return { account, key: account.key, endpoint: body, path: `/v1/webhook-endpoints/${body.id}` };
}

/** An event that was given up, as the delivery loops leave it. */
async function givenUp(account: TestAccount, endpointId: string, count = 1): Promise<WebhookDelivery[]> {
  const endpointUuid = endpointIds.parse(endpointId)!;
  await server.admin.query(
    `WITH made AS (
       SELECT append_event($1, 'batch.failed', NULL, NULL, NULL, '{"number": 1}') AS seq FROM generate_series(1, $3::integer)
     )
     INSERT INTO webhook_deliveries (account_id, endpoint_id, event_seq, state, exhausted_reason, created_at)
     SELECT $1, $2, seq, 'exhausted', 'attempts_used_up', rushes_now() FROM made`,
    [account.accountUuid, endpointUuid, count],
  );
  await server.admin.query(
    `UPDATE webhook_endpoints SET fanned_out_seq = (SELECT last_event_seq FROM credit_accounts WHERE account_id = $1)
     WHERE account_id = $1`,
    [account.accountUuid],
  );
  const { body } = await server.client.get<{ data: WebhookDelivery[] }>('/v1/webhook-deliveries?order=asc', {
    key: account.key,
  });
  return body.data;
}

describe('PATCH /v1/webhook-endpoints/{id}', () => {
  it('200: changes what is named and shows the endpoint without its secret', async () => {
    const { key, endpoint, path } = await madeEndpoint();
    const json = { description: 'Night', events: ['batch.failed'], enabled: false };
    const changed = await server.client.send('PATCH', path, { key, json });
    expect(changed.status).toBe(200);
    const { secret: _, ...shown } = endpoint;
    expect(changed.body).toEqual({ ...shown, ...json, disabled_reason: 'The account disabled the endpoint itself.' });
    expect((await server.client.send('PATCH', path, { key, json: {} })).body).toEqual(changed.body);
  });

  it('400: a URL that may not be called, a wrong type, an unknown field', async () => {
    const { key, path } = await madeEndpoint();
    for (const [json, param] of [
      [{ url: 'https://[::ffff:10.0.0.1]/' }, 'url'],
      [{ enabled: 'yes' }, 'enabled'],
      [{ events: ['batch.exploded'] }, 'events.0'],
      [{ secret: 'x' }, 'secret'],
    ] as const) {
      const refused = await server.client.send<Problem>('PATCH', path, { key, json });
      expect(refused.status).toBe(400);
      expect(refused.body.param ?? refused.body.errors?.[0]?.param).toBe(param);
    }
  });

  it('404: unknown or another account’s, also with a bad body', async () => {
    const { path } = await madeEndpoint();
    const { key } = await server.account();
    for (const target of [path, `/v1/webhook-endpoints/${UNKNOWN}`, '/v1/webhook-endpoints/nonsense']) {
      for (const json of [{ enabled: false }, { url: 'ftp://x/' }, { enabled: 1 }]) {
        expect((await server.client.send('PATCH', target, { key, json })).status).toBe(404);
      }
    }
  });

  it('403: a key without the scope', async () => {
    const { path } = await madeEndpoint();
    const { key } = await server.account({ scopes: ['batches:read'] });
    expect((await server.client.send('PATCH', path, { key, json: {} })).status).toBe(403);
  });
});

describe('POST /v1/webhook-endpoints/{id}/rotate-secret', () => {
  it('201: shows the new secret once; a replay shows none and rotates nothing', async () => {
    const { key, endpoint, path } = await madeEndpoint();
    const json = { request_id: 'rotate-1', overlap_seconds: 60 };
    const rotated = await server.client.post<WebhookEndpointWithSecret>(`${path}/rotate-secret`, { key, json });
    expect(rotated.status).toBe(201);
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(endpoint.secret);
    const lasts = Date.parse(rotated.body.previous_secret_expires_at!) - Date.now();
    expect(Math.abs(lasts - 60_000)).toBeLessThan(30_000);
    const replayed = await server.client.post<WebhookEndpointWithSecret>(`${path}/rotate-secret`, { key, json });
    expect(replayed.status).toBe(200);
    expect(replayed.headers.get('idempotent-replayed')).toBe('true');
    expect(replayed.body).toEqual({ ...rotated.body, secret: null });
    const other = { request_id: 'rotate-1', overlap_seconds: 61 };
    expect((await server.client.post(`${path}/rotate-secret`, { key, json: other })).status).toBe(422);
  });

  it('rotates once for 8 identical requests at once', async () => {
    const { key, path } = await madeEndpoint();
    const requests = Array.from({ length: 8 }, () =>
      server.client.post<WebhookEndpointWithSecret>(`${path}/rotate-secret`, {
        key,
        headers: { 'idempotency-key': 'r' },
      }),
    );
    const answers = await Promise.all(requests);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(answers.filter(({ body }) => body.secret !== null)).toHaveLength(1);
  });

  it('400, 404, 409', async () => {
    const { key, path } = await madeEndpoint();
    for (const overlap of [-1, 604_801, 1.5, '60']) {
      const refused = await server.client.post(`${path}/rotate-secret`, { key, json: { overlap_seconds: overlap } });
      expect(refused.status).toBe(400);
    }
    const other = await server.account();
    expect((await server.client.post(`${path}/rotate-secret`, { key: other.key })).status).toBe(404);
    for (let at = 0; at < 4; at += 1) await server.client.post(`${path}/rotate-secret`, { key });
    expect((await server.client.post(`${path}/rotate-secret`, { key })).status).toBe(409);
    const emergency = await server.client.post(`${path}/rotate-secret`, { key, json: { overlap_seconds: 0 } });
    expect(emergency.status).toBe(201);
  });
});

describe('POST /v1/webhook-endpoints/{id}/test', () => {
  it('201: an event for this endpoint; a replay shows the same one', async () => {
    const { key, endpoint, path, account } = await madeEndpoint();
    const json = { request_id: 'test-1' };
    const tested = await server.client.post<ListedEvent>(`${path}/test`, { key, json });
    expect(tested.status).toBe(201);
    expect(tested.body).toMatchObject({ type: 'webhook.test', data: { endpoint_id: endpoint.id } });
    const replayed = await server.client.post<ListedEvent>(`${path}/test`, { key, json });
    expect([replayed.status, replayed.body]).toEqual([200, tested.body]);
    expect((await server.client.get('/v1/events', { key })).body.data).toHaveLength(1);
    await server.client.send('PATCH', path, { key, json: { enabled: false } });
    expect((await server.client.post(`${path}/test`, { key })).status).toBe(409);
    expect((await server.client.post(`/v1/webhook-endpoints/${UNKNOWN}/test`, { key: account.key })).status).toBe(404);
  });
});

describe('POST /v1/webhook-deliveries/{id}/redeliver', () => {
  it('201: the delivery, due now; a replay does not ask for another attempt', async () => {
    const { account, key, endpoint } = await madeEndpoint();
    const [lost] = await givenUp(account, endpoint.id);
    const path = `/v1/webhook-deliveries/${lost!.id}/redeliver`;
    const json = { request_id: 'again-1' };
    const asked = await server.client.post<WebhookDelivery>(path, { key, json });
    expect(asked.status).toBe(201);
    expect(asked.body).toMatchObject({ id: lost!.id, event_id: lost!.event_id, state: 'pending' });
    const fence = 'SELECT fence FROM webhook_deliveries WHERE account_id = $1';
    const before = await server.admin.query(fence, [account.accountUuid]);
    const replayed = await server.client.post<WebhookDelivery>(path, { key, json });
    expect([replayed.status, replayed.body]).toEqual([200, asked.body]);
    expect(await server.admin.query(fence, [account.accountUuid])).toEqual(before);
  });

  it('404 and 409', async () => {
    const { account, key, endpoint, path } = await madeEndpoint();
    const [lost] = await givenUp(account, endpoint.id);
    const stranger = await server.account();
    const target = `/v1/webhook-deliveries/${lost!.id}/redeliver`;
    expect((await server.client.post(target, { key: stranger.key })).status).toBe(404);
    const unknown = deliveryIds.format(endpointIds.parse(endpoint.id)!, 99);
    expect((await server.client.post(`/v1/webhook-deliveries/${unknown}/redeliver`, { key })).status).toBe(404);
    expect((await server.client.post('/v1/webhook-deliveries/x/redeliver', { key, json: { bad: 1 } })).status).toBe(
      404,
    );
    await server.client.send('PATCH', path, { key, json: { enabled: false } });
    expect((await server.client.post(target, { key })).status).toBe(409);
  });
});

describe('POST /v1/webhook-endpoints/{id}/redeliver', () => {
  it('201: by number, digits, event id and time; a replay says the same again', async () => {
    const { account, key, endpoint, path } = await madeEndpoint();
    const lost = await givenUp(account, endpoint.id, 4);
    const { exhausted_count: count } = (await server.client.get<WebhookEndpointWithSecret>(path, { key })).body;
    expect(count).toBe(4);
    const ask = (json: object) => server.client.post<RedeliverResult>(`${path}/redeliver`, { key, json });
    const first = await ask({ since: lost[3]!.event_id, request_id: 'since-1' });
    expect([first.status, first.body]).toEqual([201, { count: 1, next_since: null }]);
    const replayed = await ask({ since: lost[3]!.event_id, request_id: 'since-1' });
    expect([replayed.status, replayed.body]).toEqual([200, first.body]);
    expect((await ask({ since: '3' })).body.count).toBe(1);
    expect((await ask({ since: 2 })).body.count).toBe(1);
    expect((await ask({ since: new Date(Date.now() + 3_600_000).toISOString() })).body.count).toBe(0);
    expect((await ask({ since: '2026-01-01T00:00:00+02:00' })).body.count).toBe(1);
    expect((await ask({ since: 1, states: ['delivered'] })).body.count).toBe(0);
  });

  it('400, 404, 409', async () => {
    const { account, key, path } = await madeEndpoint();
    const strangersEvent = (await madeEndpoint()).account;
    await server.db.query(`SELECT append_event($1, 'webhook.test', NULL, NULL, NULL, '{"endpoint_id": "whe_x"}')`, [
      strangersEvent.accountUuid,
    ]);
    const { body } = await server.client.get<{ data: ListedEvent[] }>('/v1/events', { key: strangersEvent.key });
    const bad = ['yesterday', 'evt_1', body.data[0]!.id, '2026-13-01T00:00:00Z', '', 0, -1, 1.5, null];
    for (const since of bad) {
      const refused = await server.client.post(`${path}/redeliver`, { key, json: { since } });
      expect(refused.status, String(since)).toBe(400);
    }
    for (const states of [[], ['pending'], 'exhausted']) {
      expect((await server.client.post(`${path}/redeliver`, { key, json: { since: 1, states } })).status).toBe(400);
    }
    expect((await server.client.post(`${path}/redeliver`, { key: strangersEvent.key, json: {} })).status).toBe(404);
    await server.client.send('PATCH', path, { key, json: { enabled: false } });
    expect((await server.client.post(`${path}/redeliver`, { key: account.key, json: { since: 1 } })).status).toBe(409);
  });
});

describe('GET /v1/webhook-deliveries', () => {
  it('filters by endpoint, state, event type and time', async () => {
    const { account, key, endpoint } = await madeEndpoint();
    const [one, two] = await givenUp(account, endpoint.id, 2);
    await server.admin.query(
      `UPDATE webhook_deliveries SET created_at = created_at - interval '1 hour' WHERE account_id = $1 AND event_seq = 1`,
      [account.accountUuid],
    );
    const ids = async (query: Record<string, string>) => {
      const answer = await server.client.get(`/v1/webhook-deliveries?${new URLSearchParams(query).toString()}`, {
        key,
      });
      expect(answer.status).toBe(200);
      return answer.body.data.map(({ id }) => id);
    };
    const halfAnHourAgo = new Date(Date.now() - 1_800_000).toISOString();
    expect(await ids({ created_after: halfAnHourAgo })).toEqual([two!.id]);
    expect(await ids({ created_before: halfAnHourAgo })).toEqual([one!.id]);
    expect(await ids({ event_type: 'batch.failed', state: 'exhausted' })).toEqual([two!.id, one!.id]);
    expect(await ids({ event_type: 'batch.completed' })).toEqual([]);
    expect(await ids({ endpoint_id: endpoint.id, event_id: one!.event_id })).toEqual([one!.id]);
    for (const query of ['created_after=yesterday', 'event_type=x', 'state=x', 'since=1']) {
      expect((await server.client.get(`/v1/webhook-deliveries?${query}`, { key })).status).toBe(400);
    }
  });
});
