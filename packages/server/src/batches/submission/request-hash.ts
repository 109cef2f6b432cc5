import { createHash } from 'node:crypto';
import type { Submission } from './submission.ts';

/**
 * Version of the canonical form below. When the form changes, change this version, and still recognise hashes of older
 * versions.
 */
const FORM = 'rushes-batch-request-v2';

type Named = Readonly<Record<string, unknown>>;

/** The entries that are set, sorted by name. A parameter that is not set is not part of the hash. */
function entries(values: Named): readonly (readonly [string, unknown])[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

/**
 * The hash of a request: SHA-256 over one JSON line for the request and one for each item, with fields in a fixed order
 * and defaults merged in. Two bodies that ask for the same have the same hash, in every format. The hash does not
 * depend on which parameters exist, so adding a parameter does not change the hash of older requests.
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
