import { randomBytes } from 'node:crypto';
import { EVENTS, isEventType, type Sample } from '@rushes/contract/facts/events';
import type { EventBody } from './forward.ts';

const MINUTE_MS = 60_000;
/** Digits that base58 has too, so that the ids look like ids. */
const RANDOM_BYTES = 8;

function sampleId<const Prefix extends string>(prefix: Prefix): `${Prefix}_${string}` {
  return `${prefix}_sampLe${randomBytes(RANDOM_BYTES).toString('hex').replaceAll('0', 'G')}`;
}

/** A sample event of this type, as a server would send it, with ids that do not exist; null for an unknown type. */
export function sampleEvent(type: string, nowMs: number): EventBody | null {
  if (!isEventType(type)) return null;
  const sample: Sample = {
    batchId: sampleId('bat'),
    taskId: sampleId('tsk'),
    endpointId: sampleId('whe'),
    requestId: sampleId('sample'),
    at: (minutesAgo) => new Date(nowMs - minutesAgo * MINUTE_MS).toISOString(),
  };
  return { id: sampleId('evt'), type, created_at: sample.at(0), data: EVENTS[type].example(sample) };
}
