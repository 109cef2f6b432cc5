import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { SqlValue } from '../../server/src/db/index.ts';

export interface LateOutcome {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly index: number;
  readonly outcome: string;
}

/** The outcomes that a call of `settle_tasks` was answered to be late, from what it was given and what it said. */
export function lateOutcomes(values: readonly SqlValue[], rows: readonly object[]): LateOutcome[] {
  const [accounts, batches, , claims, indexes, outcomes] = values as readonly [
    accounts: readonly AccountUuid[],
    batches: readonly BatchUuid[],
    fences: unknown,
    claims: readonly number[],
    indexes: readonly number[],
    outcomes: readonly string[],
  ];
  return (rows as readonly { readonly answer: string; readonly places: readonly number[] | null }[])
    .filter(({ answer }) => answer === 'late')
    .flatMap(({ places }) => places ?? claims.map((_, at) => at + 1))
    .map((place) => {
      const claim = Number(claims[place - 1]);
      const [accountUuid, batchUuid] = [accounts[claim - 1], batches[claim - 1]];
      if (accountUuid === undefined || batchUuid === undefined) throw new Error(`place ${place} has no claim`);
      return { accountUuid, batchUuid, index: Number(indexes[place - 1]), outcome: String(outcomes[place - 1]) };
    });
}
