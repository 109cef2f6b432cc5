/** Movements and running balances: rules 3 and 4 of docs/ledger-verification.md. */
import type { LedgerEntry } from '../types.ts';
import { type LedgerProblem, problem, quote } from './problem.ts';

/** The places that the credits of an account can be in. */
const BUCKETS = ['available', 'reserved', 'spent'] as const;
/** One of the places that the credits of an account can be in. */
type Bucket = (typeof BUCKETS)[number];
/** Credits in each bucket. */
export type Balances = Readonly<Record<Bucket, number>>;

/** The balances before the first entry. */
export const NOTHING: Balances = { available: 0, reserved: 0, spent: 0 };

interface Movement {
  readonly from: Bucket | 'external';
  readonly to: Bucket | 'external';
  readonly hasBatch: boolean;
  readonly hasTask: boolean;
  readonly reverses: boolean;
}

const plain = { hasBatch: false, hasTask: false, reverses: false };
const ofTask = { hasBatch: true, hasTask: true, reverses: false };

const MOVEMENTS: ReadonlyMap<string, Movement> = new Map<string, Movement>([
  ['purchase', { from: 'external', to: 'available', ...plain }],
  ['grant', { from: 'external', to: 'available', ...plain }],
  ['reserve', { from: 'available', to: 'reserved', ...plain, hasBatch: true }],
  ['charge', { from: 'reserved', to: 'spent', ...ofTask }],
  ['refund', { from: 'reserved', to: 'available', ...ofTask }],
  ['forfeit', { from: 'reserved', to: 'spent', ...ofTask }],
  ['reversal', { from: 'spent', to: 'available', ...plain, reverses: true }],
  ['revoke', { from: 'available', to: 'external', ...plain }],
]);

/** The problems with the kind of an entry and the fields that it must have. */
export function checkMovement(entry: LedgerEntry): readonly LedgerProblem[] {
  const { seq, kind, from, to } = entry;
  const movement = MOVEMENTS.get(kind);
  if (movement === undefined) {
    const message = `kind ${quote(kind)} is unknown; try a newer version of this verifier`;
    return [problem('wrong_movement', message, { seq, field: 'kind' })];
  }
  const problems: LedgerProblem[] = [];
  if (from !== movement.from || to !== movement.to) {
    const field = from === movement.from ? 'to' : to === movement.to ? 'from' : 'kind';
    const message = `a ${kind} moves credits from ${movement.from} to ${movement.to}, not from ${from} to ${to}`;
    problems.push(problem('wrong_movement', message, { seq, field }));
  }
  const compare = (field: 'batch_id' | 'task_index' | 'reverses_seq', shouldBe: boolean): void => {
    if ((entry[field] !== null) === shouldBe) return;
    const message = `a ${kind} ${shouldBe ? 'must have' : 'must not have'} a ${field}, and this one ${shouldBe ? 'has none' : 'has one'}`;
    problems.push(problem('wrong_movement', message, { seq, field }));
  };
  compare('batch_id', movement.hasBatch);
  compare('task_index', movement.hasTask);
  compare('reverses_seq', movement.reverses);
  return problems;
}

/** The balances after an entry, from its own fields. */
export function balancesAfter(entry: LedgerEntry): Balances {
  return { available: entry.available_after, reserved: entry.reserved_after, spent: entry.spent_after };
}

/** The balances before an entry, from its own fields. */
export function balancesBefore(entry: LedgerEntry): Balances {
  const before = { available: entry.available_after, reserved: entry.reserved_after, spent: entry.spent_after };
  for (const bucket of BUCKETS) {
    if (entry.from === bucket) before[bucket] += entry.amount;
    if (entry.to === bucket) before[bucket] -= entry.amount;
  }
  return before;
}

/** Problems where the balances after an entry are not the balances before it plus or minus its amount. */
export function checkBalances(entry: LedgerEntry, before: Balances): readonly LedgerProblem[] {
  let problems: LedgerProblem[] | null = null;
  const after = balancesAfter(entry);
  for (const bucket of BUCKETS) {
    const change = (entry.to === bucket ? entry.amount : 0) - (entry.from === bucket ? entry.amount : 0);
    const expected = before[bucket] + change;
    if (after[bucket] === expected && expected >= 0 && before[bucket] >= 0) continue;
    problems ??= [];
    const message =
      expected < 0 || before[bucket] < 0
        ? `${bucket}_after is ${after[bucket]} with ${before[bucket]} before; a bucket is never below 0`
        : `${bucket}_after is ${after[bucket]}; with ${before[bucket]} before and an amount of ${entry.amount} it must be ${expected}`;
    problems.push(problem('wrong_balance', message, { seq: entry.seq, field: `${bucket}_after` }));
  }
  return problems ?? [];
}
