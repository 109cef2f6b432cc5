import { createHash } from 'node:crypto';
import { canonicalJson } from '@rushes/contract/facts/canonical-json';
import type { EstimateParams } from '@rushes/sdk';

/** Version of the derivation. It changes when the same submission would give another text. */
const SCHEME = 'cli1';

/**
 * The derived `request_id` of a submission: the SHA-256 of the order (model, items, defaults, metadata and how it runs)
 * and of the run that submits it. The path, format, encoding and line ends of the file do not count. The limits
 * `spend_limit` and `expected_unit_price` do not count either: with another limit it is still the same order, which
 * must not be bought twice.
 */
export function deriveRequestId(params: EstimateParams, runKey: string | null): string {
  const { spend_limit: _limit, expected_unit_price: _price, ...order } = params;
  const text = canonicalJson({ order, run_key: runKey });
  return `${SCHEME}_${createHash('sha256').update(text, 'utf8').digest('base64url')}`;
}
