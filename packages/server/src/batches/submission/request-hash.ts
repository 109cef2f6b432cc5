import { createHash } from 'node:crypto';
import { PARAM_NAMES } from '@rushes/contract';
import type { Submission } from './submission.ts';

/** Names the canonical form below; a change of it must change this, and keep recognising what older ones wrote. */
const FORM = 'rushes-batch-request-v1';

/**
 * SHA-256 over one JSON line for the request and one for each item, fields in a fixed order, defaults merged in: two
 * bodies that ask for the same thing have the same hash, whatever their format.
 */
export function hashRequest(submission: Omit<Submission, 'requestId' | 'requestHash'>): Uint8Array {
  const hash = createHash('sha256');
  const write = (value: unknown): void => void hash.update(`${JSON.stringify(value)}\n`);
  write([
    FORM,
    submission.model.id,
    Object.entries(submission.metadata).sort(([one], [other]) => (one < other ? -1 : 1)),
    submission.spendLimit,
    submission.expectedUnitPrice,
    submission.maxFailureRate,
    submission.deadlineHours,
    submission.webhookEndpointUuid,
    submission.items.length,
  ]);
  for (const { prompt, customId, params } of submission.items) {
    write([prompt, customId, PARAM_NAMES.map((name) => params[name] ?? null)]);
  }
  return hash.digest();
}
