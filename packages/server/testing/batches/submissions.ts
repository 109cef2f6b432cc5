/** Shorthand for handing bodies to parseSubmission in tests. */
import { expect } from 'vitest';
import type { ItemError } from '@rushes/contract';
import type { Refusal } from '../../src/outcome/index.ts';
import { parseSubmission, type Submission } from '../../src/batches/submission/index.ts';

export interface Extra {
  readonly query?: string;
  readonly kind?: 'create' | 'estimate';
  readonly idempotencyKey?: string;
}

function submit(contentType: string, body: string | Uint8Array, extra: Extra = {}) {
  return parseSubmission(
    {
      contentType,
      body: typeof body === 'string' ? Buffer.from(body) : body,
      query: new Map(new URLSearchParams(extra.query ?? '')),
      ...(extra.idempotencyKey === undefined ? {} : { idempotencyKey: extra.idempotencyKey }),
    },
    extra.kind ?? 'create',
  );
}

export function accepted(contentType: string, body: string | Uint8Array, extra?: Extra): Submission {
  const outcome = submit(contentType, body, extra);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.refusal));
  return outcome.value;
}

export function refused(contentType: string, body: string | Uint8Array, extra?: Extra): Refusal {
  const outcome = submit(contentType, body, extra);
  if (outcome.ok) throw new Error('accepted');
  return outcome.refusal;
}

export const items = (count: number, change: (index: number) => object = () => ({})): object[] =>
  Array.from({ length: count }, (_, index) => ({ prompt: `prompt ${index}`, ...change(index) }));

export const json = (fields: object = {}): string =>
  JSON.stringify({ request_id: 'r-1', model: 'sora-2', items: items(10), ...fields });

export const QUERY = 'request_id=r-1&model=sora-2';
export const rows = (count: number): string =>
  Array.from({ length: count }, (_, index) => `prompt ${index}\n`).join('');

export const oneBad = (item: object, at = 3): string =>
  json({ items: items(10, (index) => (index === at ? item : {})) });

export function onlyError(refusal: Refusal): ItemError {
  expect(refusal.errors).toHaveLength(1);
  expect(refusal.errorCount).toBe(1);
  return refusal.errors![0]!;
}
