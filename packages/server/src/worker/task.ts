import type { TaskParams, AccountUuid, BatchUuid } from '@rushes/contract';

/** Names one task across the database: the account first, as in every key. */
export interface TaskKey {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly index: number;
}

/** Names one lease across the database. */
export interface LeaseKey {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly fence: number;
}

/** A task under this worker's lease, as far as the worker knows it. */
export interface LeasedTask extends TaskKey {
  /** The fence of the lease; a write under an older one changes nothing. */
  readonly fence: number;
  readonly route: string;
  readonly model: string;
  readonly prompt: string;
  readonly params: TaskParams;
  readonly state: 'queued' | 'submitting' | 'running' | 'unknown';
  /** Nothing of its batch was sent yet when this was read. */
  readonly isBatchQueued: boolean;
  /** Submissions so far. */
  readonly attempt: number;
  /** What used up its retries so far. */
  readonly failures: number;
  readonly upstreamId: string | null;
  /** Per try, from its submission. */
  readonly timeoutMs: number;
  /** When the present try times out, on `Clock.monotonicMs`; null before a submission. */
  readonly timeoutAtMs: number | null;
  /** How long it has been unknown, when it is. */
  readonly unknownForMs: number | null;
}

/** Derives the name of one attempt that the upstream is given: unguessable, and the same whenever it is derived. */
export type TokenFor = (task: TaskKey & { readonly route: string }, attempt: number) => string;

/** One text for one lease. */
export function leaseName(lease: LeaseKey): string {
  return `${lease.accountUuid}/${lease.batchUuid}/${lease.fence}`;
}

/** What names a task in the log. */
export function describeTask(task: LeasedTask): Record<string, unknown> {
  return {
    account: task.accountUuid,
    batch: task.batchUuid,
    task: task.index,
    attempt: task.attempt,
    fence: task.fence,
  };
}
