import type { SqlValue } from '../../server/src/db/index.ts';

export interface LateOutcome {
  readonly accountUuid: string;
  readonly batchUuid: string;
  readonly index: number;
  readonly outcome: string;
}

/** The outcomes that a call of `settle_tasks` was answered to be late, from what it was given and what it said. */
export function lateOutcomes(values: readonly SqlValue[], rows: readonly object[]): LateOutcome[] {
  const [accounts, batches, , claims, indexes, outcomes] = values as readonly (readonly (string | number)[])[];
  return (rows as readonly { readonly answer: string; readonly places: readonly number[] | null }[])
    .filter(({ answer }) => answer === 'late')
    .flatMap(({ places }) => places ?? (claims ?? []).map((_, at) => at + 1))
    .map((place) => {
      const claim = Number(claims?.[place - 1]);
      return {
        accountUuid: String(accounts?.[claim - 1]),
        batchUuid: String(batches?.[claim - 1]),
        index: Number(indexes?.[place - 1]),
        outcome: String(outcomes?.[place - 1]),
      };
    });
}
