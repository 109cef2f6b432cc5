import { DEFAULT_TERMS, accountIds, planLimits, visibleLimits, type Account } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
beforeAll(async () => {
  server = await startTestHttpServer();
});
afterAll(() => server.close());

describe('the account', () => {
  it('is shown to every key of it, with its limits, terms and settings', async () => {
    const { key, accountUuid } = await server.account({ scopes: ['ledger:read'], plan: 'growth', name: 'Grüße' });
    await server.admin.query(`UPDATE accounts SET terms = '{"canceled": "forfeit"}' WHERE account_id = $1`, [
      accountUuid,
    ]);
    const shown = await server.client.get<Account>('/v1/account', { key });
    expect(shown.status).toBe(200);
    expect(shown.body).toEqual({
      id: accountIds.format(accountUuid),
      name: 'Grüße',
      plan: 'growth',
      mode: 'test',
      status: 'active',
      ...visibleLimits(planLimits('growth')),
      terms: { ...DEFAULT_TERMS, canceled: 'forfeit' },
      low_credits_threshold: null,
      created_at: expect.any(String),
    });
  });

  it('takes a threshold for credits.low or null, and keeps it when nothing is named', async () => {
    const { key } = await server.account();
    const { key: otherKey } = await server.account();
    const set = async (json: object) =>
      (await server.client.send<{ param: string; code: string }>('PATCH', '/v1/account', { key, json })).body;
    expect(await set({ low_credits_threshold: 25_000 })).toMatchObject({ low_credits_threshold: 25_000 });
    expect(await set({})).toMatchObject({ low_credits_threshold: 25_000 });
    expect(await set({ low_credits_threshold: null })).toMatchObject({ low_credits_threshold: null });
    expect((await server.client.get<Account>('/v1/account', { key })).body).toMatchObject({
      low_credits_threshold: null,
    });
    expect((await server.client.get<Account>('/v1/account', { key: otherKey })).body.low_credits_threshold).toBeNull();
  });

  it.each([0, -1, 1.5, '100', 2 ** 53, true])('refuses %j as a threshold, and changes nothing', async (threshold) => {
    const { key } = await server.account();
    const answer = await server.client.send<{ param: string; code: string }>('PATCH', '/v1/account', {
      key,
      json: { low_credits_threshold: threshold },
    });
    expect([answer.status, answer.body.param]).toEqual([400, 'low_credits_threshold']);
    expect((await server.client.get<Account>('/v1/account', { key })).body.low_credits_threshold).toBeNull();
  });

  it('is changed by keys for administration alone', async () => {
    const { key } = await server.account({
      scopes: ['batches:write', 'batches:read', 'ledger:read', 'webhooks:write'],
    });
    const answer = await server.client.send<{ param: string; code: string }>('PATCH', '/v1/account', {
      key,
      json: { low_credits_threshold: 5 },
    });
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
  });
});
