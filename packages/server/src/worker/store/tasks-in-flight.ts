import type { HeldLease } from './lease-store.ts';
import { leaseName, type LeasedTask, type LeaseKey } from '../task.ts';

interface Lease {
  readonly key: LeaseKey;
  readonly tasks: Map<number, LeasedTask>;
  readonly lost: AbortController;
  /** The last question to the database that was asked before this lease was known here. */
  readonly knownSince: number;
  /** How often in a row the database counted other tasks under this lease than are known here. */
  mismatches: number;
}

/** What this process believes it holds. The database decides; `compare` finds where they differ. */
export class TasksInFlight {
  readonly #leases = new Map<string, Lease>();
  /** Leases the database lists for us that hold nothing here, and how often in a row they did. */
  readonly #unknown = new Map<string, number>();
  #count = 0;
  #questions = 0;
  /** The lease looked for last: tasks of one lease are taken up and end one after another. */
  #last: Lease | null = null;
  /** Tasks that were added and not yet removed, whether their lease was dropped meanwhile or not. */
  #inHand = 0;
  readonly #whenIdle: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  /** Looks at every lease: for whoever watches, not for whoever works. */
  countByRoute(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { tasks } of this.#leases.values()) {
      // The tasks of a lease are of one batch, and a batch has one route.
      const [task] = tasks.values();
      if (task !== undefined) counts.set(task.route, (counts.get(task.route) ?? 0) + tasks.size);
    }
    return counts;
  }

  /** How many tasks of a lease are in hand here. */
  openOf(lease: LeaseKey): number {
    return this.#leases.get(leaseName(lease))?.tasks.size ?? 0;
  }

  /** Takes a task up, or returns null when it is in hand already. The signal aborts when its lease is lost. */
  add(task: LeasedTask): AbortSignal | null {
    let lease = this.#find(task);
    if (lease === undefined) {
      const { accountUuid, batchUuid, fence } = task;
      lease = {
        key: { accountUuid, batchUuid, fence },
        tasks: new Map(),
        lost: new AbortController(),
        knownSince: this.#questions,
        mismatches: 0,
      };
      this.#leases.set(leaseName(task), lease);
      this.#last = lease;
    }
    if (lease.tasks.has(task.index)) return null;
    lease.tasks.set(task.index, task);
    this.#count += 1;
    this.#inHand += 1;
    return lease.lost.signal;
  }

  /** Ends what `add` began, once. */
  remove(task: LeasedTask): void {
    this.#end();
    const lease = this.#find(task);
    // Dropped with its lease, and perhaps taken up anew by now: that one is not ours to remove.
    if (lease?.tasks.get(task.index) !== task) return;
    lease.tasks.delete(task.index);
    this.#count -= 1;
    if (lease.tasks.size === 0) this.#drop(lease);
  }

  /** Resolves when nothing is in hand any more, tasks of lost leases included. */
  idle(): Promise<void> {
    if (this.#inHand <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #end(): void {
    this.#inHand -= 1;
    if (this.#inHand > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #find(key: LeaseKey): Lease | undefined {
    const last = this.#last;
    if (last !== null && last.key.batchUuid === key.batchUuid && last.key.fence === key.fence) {
      if (last.key.accountUuid === key.accountUuid) return last;
    }
    const found = this.#leases.get(leaseName(key));
    if (found !== undefined) this.#last = found;
    return found;
  }

  #drop(lease: Lease): void {
    this.#leases.delete(leaseName(lease.key));
    if (this.#last === lease) this.#last = null;
  }

  /** Ends whatever waits or polls; calls that must be recorded go on. */
  abandonAll(): void {
    for (const lease of this.#leases.values()) lease.lost.abort(new Error('the worker is stopping'));
  }

  /** Call before the database is asked which leases we hold, and give the number to `compare` with its answer. */
  ask(): number {
    this.#questions += 1;
    return this.#questions;
  }

  /**
   * Drops every lease that the database no longer lists for us and returns those whose number of open tasks has
   * differed twice running: something of them was lost on the way (an answer that never arrived) and must be reloaded.
   * An answer says nothing about leases that were claimed after its question was asked.
   */
  compare(held: readonly HeldLease[], question: number): LeaseKey[] {
    const listed = new Map(held.map((lease) => [leaseName(lease), lease]));
    for (const [name, lease] of this.#leases) {
      if (listed.has(name) || lease.knownSince >= question) continue;
      lease.lost.abort(new Error('the lease was lost'));
      this.#count -= lease.tasks.size;
      this.#drop(lease);
    }
    const reload: LeaseKey[] = [];
    for (const [name, lease] of listed) {
      const known = this.#leases.get(name);
      if (known !== undefined && known.tasks.size === lease.open) {
        known.mismatches = 0;
        continue;
      }
      const mismatches = known === undefined ? (this.#unknown.get(name) ?? 0) + 1 : (known.mismatches += 1);
      if (known === undefined) this.#unknown.set(name, mismatches);
      if (mismatches >= 2) reload.push(lease);
    }
    for (const name of this.#unknown.keys()) {
      if (!listed.has(name) || this.#leases.has(name)) this.#unknown.delete(name);
    }
    return reload;
  }
}
