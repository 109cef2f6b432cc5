import { createHash } from 'node:crypto';
import { canonicalJson } from '@rushes/contract/facts/canonical-json';
import type { EstimateParams } from '@rushes/sdk';

/** Changes when the same submission would be written down in another way. */
const SCHEME = 'cli1';

/**
 * `request_id` of a submission: the SHA-256 of what is made (model, items, defaults, metadata and how it runs) and of the
 * run that asks for it. The path, the file's format, its encoding and its line ends are no part of it, and neither are
 * the guards `spend_limit` and `expected_unit_price`: with another limit it is still the same order, which must not be
 * bought twice.
 */
export function deriveRequestId(params: EstimateParams, runKey: string | null): string {
  const { spend_limit: _limit, expected_unit_price: _price, ...order } = params;
  const text = canonicalJson({ order, run_key: runKey });
  return `${SCHEME}_${createHash('sha256').update(text, 'utf8').digest('base64url')}`;
}
