import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { startTestHttpServer, type TestAccount, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
let account: TestAccount;
beforeAll(async () => {
  server = await startTestHttpServer();
  account = await server.account();
});
afterAll(() => server.close());

const url = 'https://hooks.example.com/rushes';

describe('webhook endpoints', () => {
  it('are created with a secret, listed and shown without, and deleted once', async () => {
    const { key } = await server.account();
    const made = await server.client.post('/v1/webhook-endpoints', { key, json: { url } });
    expect(made.status).toBe(201);
    expect(made.body.secret).toMatch(/^whsec_/);
    expect(made.headers.get('location')).toBe(`/v1/webhook-endpoints/${made.body.id}`);
    const { secret: _, ...shown } = made.body;
    expect((await server.client.get('/v1/webhook-endpoints', { key })).body.data).toEqual([shown]);
    expect((await server.client.get(`/v1/webhook-endpoints/${made.body.id}`, { key })).body).toEqual(shown);
    expect((await server.client.delete(`/v1/webhook-endpoints/${made.body.id}`, { key })).status).toBe(204);
    expect((await server.client.delete(`/v1/webhook-endpoints/${made.body.id}`, { key })).status).toBe(404);
  });

  it('of another account are not found', async () => {
    const made = await server.client.post('/v1/webhook-endpoints', { key: account.key, json: { url } });
    const { key } = await server.account();
    expect((await server.client.get(`/v1/webhook-endpoints/${made.body.id}`, { key })).status).toBe(404);
    expect((await server.client.delete(`/v1/webhook-endpoints/${made.body.id}`, { key })).status).toBe(404);
  });

  it('are made once by 16 identical creations with one request_id', async () => {
    const { key } = await server.account();
    const requests = Array.from({ length: 16 }, () =>
      server.client.post('/v1/webhook-endpoints', { key, json: { url }, headers: { 'idempotency-key': 'hook-1' } }),
    );
    const answers = await Promise.all(requests);
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(15);
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    const replays = answers.filter((answer) => answer.headers.get('idempotent-replayed') === 'true');
    expect(replays.map((answer) => answer.body.secret)).toEqual(Array.from({ length: 15 }, () => null));
    expect((await server.client.get('/v1/webhook-endpoints', { key })).body.data).toHaveLength(1);
  });

  it('refuse another request under the same request_id, and header and body that differ', async () => {
    const json = { url, request_id: 'one' };
    await server.client.post('/v1/webhook-endpoints', { key: account.key, json });
    const other = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      json: { url: `${url}/2`, request_id: 'one' },
    });
    expect(other.status).toBe(422);
    expect(other.body.code).toBe('request_id_conflict');
    const differing = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      json,
      headers: { 'idempotency-key': 'two' },
    });
    expect(differing.status).toBe(400);
    expect(differing.body.param).toBe('request_id');
  });

  it('a refused creation does not burn its request_id', async () => {
    const refused = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      json: { url: 'https://10.0.0.1/', request_id: 'again' },
    });
    expect(refused.status).toBe(400);
    expect(refused.body.param).toBe('url');
    const made = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      json: { url, request_id: 'again' },
    });
    expect(made.status).toBe(201);
  });

  it('a request_id is free again after 72 hours', async () => {
    const json = { url, request_id: 'old' };
    const first = await server.client.post('/v1/webhook-endpoints', { key: account.key, json });
    await server.admin.query(
      "UPDATE idempotency_keys SET created_at = created_at - interval '73 hours' WHERE request_id = 'old'",
    );
    const second = await server.client.post('/v1/webhook-endpoints', { key: account.key, json });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('bad fields are named, all at once', async () => {
    const answer = await server.client.post('/v1/webhook-endpoints', {
      key: account.key,
      json: { events: ['batch.exploded'], colour: 'red' },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error) => [error.param, error.code])).toEqual([
      ['url', 'required'],
      ['events.0', 'unknown_value'],
      ['colour', 'unknown_name'],
    ]);
  });

  it('text that the database cannot hold is refused', async () => {
    for (const description of ['a\0b', '\ud800']) {
      const answer = await server.client.post('/v1/webhook-endpoints', {
        key: account.key,
        json: { url, description },
      });
      expect(answer.status).toBe(400);
      expect(answer.body.param).toBe('description');
    }
  });
});

describe('events', () => {
  const append = (accountUuid: AccountUuid): Promise<unknown> =>
    server.db.query(`SELECT append_event($1, 'webhook.test', NULL, NULL, NULL, '{"endpoint_id": "whe_x"}')`, [
      accountUuid,
    ]);

  it('are listed in order, page by page', async () => {
    const { key, accountUuid } = await server.account();
    for (let at = 0; at < 3; at += 1) await append(accountUuid);
    const first = await server.client.get('/v1/events?limit=2', { key });
    expect(first.body.data.map((event) => event.seq)).toEqual([1, 2]);
    expect(first.body.has_more).toBe(true);
    const second = await server.client.get(`/v1/events?limit=2&cursor=${first.body.next_cursor}`, { key });
    expect(second.body.data.map((event) => event.seq)).toEqual([3]);
    expect((await server.client.get('/v1/events?after=3', { key })).body).toEqual({
      data: [],
      has_more: false,
      next_cursor: null,
    });
  });

  it('a waiting reader gets an event as soon as there is one', async () => {
    const { key, accountUuid } = await server.account();
    const waiting = server.client.get('/v1/events?wait=30', { key });
    await append(accountUuid);
    expect((await waiting).body.data).toHaveLength(1);
  });

  it('a deliveries list filtered by an event of another account is empty', async () => {
    const id = (await server.client.get('/v1/webhook-deliveries?limit=1', { key: account.key })).body;
    expect(id).toEqual({ data: [], has_more: false, next_cursor: null });
    expect((await server.client.get('/v1/webhook-deliveries/whd_1', { key: account.key })).status).toBe(404);
    expect(
      (await server.client.get(`/v1/webhook-deliveries?endpoint_id=${randomUUID()}`, { key: account.key })).status,
    ).toBe(400);
  });
});
