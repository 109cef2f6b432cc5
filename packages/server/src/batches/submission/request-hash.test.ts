import { afterEach, describe, expect, it, vi } from 'vitest';
import { MODELS, type TaskParams } from '@rushes/contract';
import { hashRequest } from './request-hash.ts';
import { testUuid } from '../../../testing/test-uuid.ts';

type Hashed = Parameters<typeof hashRequest>[0];

function request(params: TaskParams[], more: Partial<Hashed> = {}): Hashed {
  const [model] = MODELS;
  return {
    model: model!,
    items: params.map((each, at) => ({ prompt: `prompt ${at} 🎬`, customId: at === 0 ? 'first' : null, params: each })),
    metadata: {},
    spendLimit: null,
    expectedUnitPrice: null,
    maxFailureRate: null,
    deadlineHours: 168,
    webhookEndpointUuid: null,
    ...more,
  };
}

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
const PLAIN = request([{}, {}]);
const FULL = request(
  [{ aspect_ratio: '9:16', duration_seconds: 15, size: 'large', image_url: 'https://a.example/1' }],
  {
    metadata: { b: '2', a: '1' },
    spendLimit: 500,
    expectedUnitPrice: 49,
    maxFailureRate: 0.5,
    deadlineHours: 24,
    webhookEndpointUuid: testUuid('01890a5d-ac96-774b-bcce-b302099a8057'),
  },
);
const PLAIN_HASH = 'b6c6c2fe3c722d803504e3d3bd3c44c86081cb47f217188766e2c37dae8f59a5';
const FULL_HASH = '8fdc06e9280e302d15d402b6cf2c0d125ca77313e18e4d70af850a4e286d1b68';

afterEach(() => {
  vi.doUnmock('@rushes/contract');
  vi.resetModules();
});

describe('the hash of a request', () => {
  it('is what it was when the batches that stand were created', () => {
    expect(hex(hashRequest(PLAIN))).toBe(PLAIN_HASH);
    expect(hex(hashRequest(FULL))).toBe(FULL_HASH);
  });

  it('stays what it was when a parameter is added, so that a replay of an older batch finds it', async () => {
    vi.doMock(import('@rushes/contract'), async (original) => {
      const contract = await original();
      const invented = { kind: 'integer', description: 'Seed.', models: { 'sora-2': { min: 0, max: 9 } } };
      const PARAM_NAMES = ['guidance', ...contract.PARAM_NAMES, 'invented'] as unknown as typeof contract.PARAM_NAMES;
      return { ...contract, PARAMS: { ...contract.PARAMS, invented }, PARAM_NAMES };
    });
    vi.resetModules();
    const grown = await import('./request-hash.ts');
    expect(hex(grown.hashRequest(PLAIN))).toBe(PLAIN_HASH);
    expect(hex(grown.hashRequest(FULL))).toBe(FULL_HASH);
  });

  it('does not depend on the order in which parameters and metadata were written', () => {
    const turned = request([Object.fromEntries(Object.entries(FULL.items[0]!.params).reverse())], {
      ...FULL,
      items: [{ ...FULL.items[0]!, params: Object.fromEntries(Object.entries(FULL.items[0]!.params).reverse()) }],
      metadata: { a: '1', b: '2' },
    });
    expect(hex(hashRequest(turned))).toBe(FULL_HASH);
  });

  it('tells a parameter from another one with the same value', () => {
    const url = 'https://a.example/1';
    expect(hex(hashRequest(request([{ image_url: url }])))).not.toBe(
      hex(hashRequest(request([{ last_image_url: url }]))),
    );
  });
});
