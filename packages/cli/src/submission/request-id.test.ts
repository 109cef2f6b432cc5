import { createHash } from 'node:crypto';
import type { EstimateParams } from '@rushes/sdk';
import { expect, test } from 'vitest';
import { deriveRequestId } from './request-id.ts';

const order = (): EstimateParams => ({
  model: 'sora-2',
  items: [{ prompt: 'a fox', custom_id: 'a', params: { aspect_ratio: '16:9', duration_seconds: 10 } }],
  metadata: { job: 'x', team: 'y' },
});

test('it never changes for the same order: a rerun with a later version finds what an earlier one made', () => {
  const text =
    '{"order":{"items":[{"custom_id":"a","params":{"aspect_ratio":"16:9","duration_seconds":10},"prompt":"a fox"}],' +
    '"metadata":{"job":"x","team":"y"},"model":"sora-2"},"run_key":"github:7"}';
  expect(deriveRequestId(order(), 'github:7')).toBe('cli1_bq742CpeFuMW81os1Y7HaBotTLdJZCWQw6CeVE7jtJM');
  expect(createHash('sha256').update(text).digest('base64url')).toBe('bq742CpeFuMW81os1Y7HaBotTLdJZCWQw6CeVE7jtJM');
});

test('the order of columns and flags does not count', () => {
  const turned: EstimateParams = {
    metadata: { team: 'y', job: 'x' },
    items: [{ params: { duration_seconds: 10, aspect_ratio: '16:9' }, custom_id: 'a', prompt: 'a fox' }],
    model: 'sora-2',
  };
  expect(deriveRequestId(turned, null)).toBe(deriveRequestId(order(), null));
});

test('whatever is made and whoever asks for it count; the guards do not', () => {
  const base = deriveRequestId(order(), null);
  const others = [
    { ...order(), model: 'veo-pro' },
    { ...order(), items: [{ ...order().items[0]!, prompt: 'a fox ' }] },
    { ...order(), items: [...order().items, ...order().items] },
    { ...order(), defaults: { size: 'small' as const } },
    { ...order(), metadata: { job: 'z', team: 'y' } },
    { ...order(), deadline_hours: 1 },
  ].map((params) => deriveRequestId(params, null));
  expect(new Set([base, deriveRequestId(order(), 'github:7'), ...others]).size).toBe(others.length + 2);
  expect(deriveRequestId({ ...order(), spend_limit: 1, expected_unit_price: 2 }, null)).toBe(base);
});
