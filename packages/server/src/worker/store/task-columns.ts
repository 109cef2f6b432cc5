/** How tasks are put into the columns that the SQL functions take, and their answers back into the tasks' order. */
import type { AccountUuid, BatchUuid } from '@rushes/contract';
import { leaseName, type LeasedTask } from '../task.ts';

/** Names one batch across the database. */
export interface BatchName {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
}

/** The accounts and the batches of leases. */
export function leaseColumns(leases: readonly BatchName[]): string[][] {
  return [leases.map((lease) => lease.accountUuid), leases.map((lease) => lease.batchUuid)];
}

type Columns = Record<string, readonly (string | number | boolean | null | Uint8Array)[]>;

/** What names a task and its claim in every call: account, batch, index and fence. */
export function keys(tasks: readonly LeasedTask[]): Columns {
  return {
    accounts: tasks.map((task) => task.accountUuid),
    batches: tasks.map((task) => task.batchUuid),
    indexes: tasks.map((task) => task.index),
    fences: tasks.map((task) => task.fence),
  };
}

interface TaskRange {
  readonly first: LeasedTask;
  /** Where its tasks, whose indexes follow one another, stand in the input. */
  readonly places: number[];
}

/** Neighbours of one lease and attempt whose indexes follow one another, together: what is claimed is sent in order. */
export function rangesOf(tasks: readonly LeasedTask[]): TaskRange[] {
  const ranges: TaskRange[] = [];
  let range: TaskRange | null = null;
  for (const [place, task] of tasks.entries()) {
    if (range !== null && follows(task, range)) {
      range.places.push(place);
      continue;
    }
    range = { first: task, places: [place] };
    ranges.push(range);
  }
  return ranges;
}

function follows(task: LeasedTask, { first, places }: TaskRange): boolean {
  return (
    task.index === first.index + places.length &&
    task.fence === first.fence &&
    task.attempt === first.attempt &&
    task.batchUuid === first.batchUuid &&
    task.accountUuid === first.accountUuid
  );
}

interface Claims {
  readonly claims: readonly LeasedTask[];
  /** For each task the 1-based place of its claim. */
  readonly places: readonly number[];
}

/** The claims that tasks stand under, each once by one of its tasks. */
export function claimsOf(tasks: readonly LeasedTask[]): Claims {
  const numbers = new Map<string, number>();
  const claims: LeasedTask[] = [];
  const places = tasks.map((task) => {
    const name = leaseName(task);
    const known = numbers.get(name);
    if (known !== undefined) return known;
    const number = claims.push(task);
    numbers.set(name, number);
    return number;
  });
  return { claims, places };
}

/** One flag per input, from the 1-based ordinals that a function returned. */
export function flags(count: number, rows: readonly { ord: number }[]): boolean[] {
  const won = new Array<boolean>(count).fill(false);
  for (const { ord } of rows) won[ord - 1] = true;
  return won;
}

/** One answer per input; a repeated task is answered once by the database. */
export function answers<A extends string>(count: number, rows: readonly { ord: number; answer: A }[], missing: A): A[] {
  const given = new Array<A>(count).fill(missing);
  for (const { ord, answer } of rows) given[ord - 1] = answer;
  return given;
}
