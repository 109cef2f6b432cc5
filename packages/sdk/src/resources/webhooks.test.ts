import { expect, test } from 'vitest';
import { clientFor } from '../../test/fixtures.ts';
import { answer, reset, serve } from '../../test/scripted-server.ts';

const EMPTY_PAGE = { data: [], has_more: false, next_cursor: null };

test('each call on endpoints and deliveries is the request that the API describes', async () => {
  const server = await serve((_, response) => answer(response, 200, { ...EMPTY_PAGE, count: 3, next_since: null }));
  const { webhookEndpoints, webhookDeliveries } = clientFor(server.url);
  await webhookEndpoints.retrieve('whe_1');
  await webhookEndpoints.update('whe_1', { enabled: true, description: null, events: ['batch.completed'] });
  await webhookEndpoints.rotateSecret('whe_1');
  await webhookEndpoints.rotateSecret('whe_1', { overlap_seconds: 0 });
  await webhookEndpoints.test('whe_1');
  const { count } = await webhookEndpoints.redeliver('whe_1', {
    since: new Date('2026-11-20T00:00:00Z'),
    states: ['exhausted'],
  });
  await webhookEndpoints.redeliver('whe_1', { since: 7 });
  await webhookDeliveries.retrieve('whd_1');
  await webhookDeliveries.redeliver('whd_1');
  await webhookDeliveries.list({
    endpoint_id: 'whe_1',
    state: 'exhausted',
    event_type: 'task.failed',
    created_after: new Date('2026-11-20T00:00:00Z'),
    created_before: '2026-11-21T00:00:00Z',
  });
  expect(count).toBe(3);
  expect(server.seen.map(({ method, url, body }) => [method, url.pathname, body.toString()])).toEqual([
    ['GET', '/v1/webhook-endpoints/whe_1', ''],
    ['PATCH', '/v1/webhook-endpoints/whe_1', '{"enabled":true,"description":null,"events":["batch.completed"]}'],
    ['POST', '/v1/webhook-endpoints/whe_1/rotate-secret', '{}'],
    ['POST', '/v1/webhook-endpoints/whe_1/rotate-secret', '{"overlap_seconds":0}'],
    ['POST', '/v1/webhook-endpoints/whe_1/test', '{}'],
    ['POST', '/v1/webhook-endpoints/whe_1/redeliver', '{"since":"2026-11-20T00:00:00.000Z","states":["exhausted"]}'],
    ['POST', '/v1/webhook-endpoints/whe_1/redeliver', '{"since":7}'],
    ['GET', '/v1/webhook-deliveries/whd_1', ''],
    ['POST', '/v1/webhook-deliveries/whd_1/redeliver', '{}'],
    ['GET', '/v1/webhook-deliveries', ''],
  ]);
  expect(Object.fromEntries(server.seen.at(-1)!.url.searchParams)).toEqual({
    endpoint_id: 'whe_1',
    state: 'exhausted',
    event_type: 'task.failed',
    created_after: '2026-11-20T00:00:00.000Z',
    created_before: '2026-11-21T00:00:00Z',
  });
});

test('a rotation whose answer was lost is sent again under the same key, never as a second rotation', async () => {
  const server = await serve((_, response, at) =>
    at === 0 ? reset(response) : answer(response, 200, { secret: null }),
  );
  await clientFor(server.url).webhookEndpoints.rotateSecret('whe_1');
  const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
});
