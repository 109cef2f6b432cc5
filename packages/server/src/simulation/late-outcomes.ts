import type { SqlValue } from '../db/index.ts';

export interface LateOutcome {
  readonly accountUuid: string;
  readonly batchUuid: string;
  readonly index: number;
  readonly outcome: string;
}

/** The outcomes that a call of `settle_tasks` was answered to be late, from what it was given and what it said. */
export function lateOutcomes(values: readonly SqlValue[], rows: readonly object[]): LateOutcome[] {
  const [accounts, batches, indexes, , outcomes] = values as readonly (readonly (string | number)[])[];
  return (rows as readonly { readonly ord: number; readonly answer: string }[])
    .filter(({ answer }) => answer === 'late')
    .map(({ ord }) => ({
      accountUuid: String(accounts?.[ord - 1]),
      batchUuid: String(batches?.[ord - 1]),
      index: Number(indexes?.[ord - 1]),
      outcome: String(outcomes?.[ord - 1]),
    }));
}
