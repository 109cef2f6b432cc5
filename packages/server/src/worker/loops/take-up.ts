import type { LeaseStore } from '../store/lease-store.ts';
import type { LeasedTask, LeaseKey } from '../task.ts';

export interface TakeUpDeps {
  readonly store: Pick<LeaseStore, 'load'>;
  /** Begins to work on a task, and waits for nothing. */
  readonly begin: (task: LeasedTask) => void;
}

/** Loads the unfinished tasks of leases and begins to work on them. */
export async function takeUp({ store, begin }: TakeUpDeps, leases: readonly LeaseKey[]): Promise<void> {
  if (leases.length === 0) return;
  for (const task of await store.load(leases)) begin(task);
}
