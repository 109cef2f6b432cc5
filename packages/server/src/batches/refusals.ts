import { batchIds, type BatchStatus, type BatchUuid } from '@rushes/contract';
import type { Refusal } from '../outcome/index.ts';

export function batchNotFound(batchUuid: BatchUuid): Refusal {
  return {
    code: 'not_found',
    detail: `This account does not have the batch ${batchIds.format(batchUuid)}. Check the id and the API key.`,
  };
}

export function badCursor(): Refusal {
  return {
    code: 'invalid_request',
    param: 'cursor',
    detail: '`cursor` is not from this list in this order. Send the `next_cursor` of the previous page, unchanged.',
  };
}

export function finalBatch(batchUuid: BatchUuid, status: BatchStatus, wish: string): Refusal {
  const id = batchIds.format(batchUuid);
  return { code: 'state_conflict', detail: `The batch ${id} is ${status}; a final batch cannot be ${wish}.` };
}

/** Long enough for a lock to be released, and short enough for clients that retry within one call. */
const RETRY_AFTER_SECONDS = 2;

export function unavailable(): Refusal {
  return {
    code: 'unavailable',
    detail:
      'The database is busy or unavailable. Send the same request again; with the same request_id it is carried out only once.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  };
}
