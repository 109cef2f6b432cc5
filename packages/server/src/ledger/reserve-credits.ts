import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

export type FreezeAnswer = 'frozen' | 'already_frozen' | 'insufficient';

/**
 * Reserves what the stored tasks of a batch cost, in the caller's transaction. From then on that transaction holds the
 * account's lock. `insufficient` changes nothing.
 */
export async function freezeCreditsForBatch(
  tx: Queryable,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
): Promise<FreezeAnswer> {
  const [row] = await tx.query<{ answer: FreezeAnswer }>('SELECT freeze_credits_for_batch($1, $2) AS answer', [
    accountUuid,
    batchUuid,
  ]);
  if (row === undefined) throw new Error('freeze_credits_for_batch gave no answer');
  return row.answer;
}
