import { createHash } from 'node:crypto';
import type { Submission } from './submission.ts';

/** Names the canonical form below; a change of it must change this, and keep recognising what older ones wrote. */
const FORM = 'rushes-batch-request-v2';

type Named = Readonly<Record<string, unknown>>;

/** The entries that are there, in the order of their names: a parameter that nobody set has no part in the hash. */
function entries(values: Named): readonly (readonly [string, unknown])[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

/**
 * SHA-256 over one JSON line for the request and one for each item, fields in a fixed order, defaults merged in: two
 * bodies that ask for the same thing have the same hash, whatever their format. It does not depend on which parameters
 * there are, so a request that was hashed before one was added is recognised afterwards.
 */
export function hashRequest(submission: Omit<Submission, 'requestId' | 'requestHash'>): Uint8Array {
  const hash = createHash('sha256');
  const write = (value: unknown): void => void hash.update(`${JSON.stringify(value)}\n`);
  write([
    FORM,
    submission.model.id,
    entries(submission.metadata),
    submission.spendLimit,
    submission.expectedUnitPrice,
    submission.maxFailureRate,
    submission.deadlineHours,
    submission.webhookEndpointUuid,
    submission.items.length,
  ]);
  for (const { prompt, customId, params } of submission.items) {
    write([prompt, customId, entries({ ...params })]);
  }
  return hash.digest();
}
