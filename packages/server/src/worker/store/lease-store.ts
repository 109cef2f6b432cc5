import type { TaskParams, AccountUuid, BatchUuid } from '@rushes/contract';
import type { Database } from '../../db/index.ts';
import type { Clock } from '../../ports.ts';
import type { LeasedTask, LeaseKey } from '../task.ts';
import { leaseColumns } from './task-columns.ts';

export interface HeldLease extends LeaseKey {
  /** Tasks of it that have no resolution. */
  readonly open: number;
}

/** Tasks of one lease whose outcome is known and cannot be written for now. */
export interface WaitingSettlements extends LeaseKey {
  readonly tasks: number;
  /** Of all tasks of the lease that this worker has in hand. */
  readonly open: number;
}

/** The claims of workers on ranges of tasks. Durations are in milliseconds, on the database's clock. */
export interface LeaseStore {
  claim(workerId: string, route: string, slots: number, leaseMs: number): Promise<LeaseKey[]>;
  /** The unfinished tasks of leases. */
  load(leases: readonly LeaseKey[]): Promise<LeasedTask[]>;
  renew(workerId: string, leaseMs: number): Promise<HeldLease[]>;
  /** Leases that ran out, of these routes; those of other routes once they are past every timeout. */
  takeOver(workerId: string, leaseMs: number, tasks: number, routes: readonly string[]): Promise<LeaseKey[]>;
  /** Ends the leases of a worker; answers how many. */
  voidLeases(workerId: string): Promise<number>;
  /** Replaces what this worker said before of tasks that only wait to be settled. */
  reportWaitingSettlements(workerId: string, waiting: readonly WaitingSettlements[]): Promise<void>;
}

interface LeaseRow {
  account_id: AccountUuid;
  batch_id: BatchUuid;
  fence: number;
}

interface LeasedBatchRow {
  lease: number;
  route: string;
  model: string;
  timeout_ms: number;
  is_batch_queued: boolean;
}

interface LeasedTaskRow {
  lease: number;
  task_index: number;
  prompt: string;
  params: TaskParams;
  state: LeasedTask['state'];
  attempt: number;
  failures: number;
  upstream_id: string | null;
  timeout_in_ms: number | null;
  unknown_for_ms: number | null;
}

export function createLeaseStore(db: Database, clock: Pick<Clock, 'monotonicMs'>): LeaseStore {
  return {
    async claim(workerId, route, slots, leaseMs) {
      const rows = await db.query<LeaseRow>('SELECT * FROM claim_tasks($1, $2, $3, $4)', [
        workerId,
        route,
        slots,
        leaseMs,
      ]);
      return rows.map(toLease);
    },

    async load(leases) {
      const columns = [...leaseColumns(leases), leases.map((lease) => lease.fence)];
      const [batches, rows] = await Promise.all([
        db.query<LeasedBatchRow>('SELECT * FROM leased_batches($1::uuid[], $2::uuid[], $3::bigint[])', columns),
        db.query<LeasedTaskRow>('SELECT * FROM leased_tasks($1::uuid[], $2::uuid[], $3::bigint[])', columns),
      ]);
      return toTasks(leases, batches, rows, clock.monotonicMs());
    },

    async renew(workerId, leaseMs) {
      const rows = await db.query<LeaseRow & { open: number }>('SELECT * FROM renew_leases($1, $2)', [
        workerId,
        leaseMs,
      ]);
      return rows.map((row) => ({ ...toLease(row), open: row.open }));
    },

    async takeOver(workerId, leaseMs, tasks, routes) {
      const rows = await db.query<LeaseRow>('SELECT * FROM take_over_leases($1, $2, $3, $4::text[])', [
        workerId,
        leaseMs,
        tasks,
        routes,
      ]);
      return rows.map(toLease);
    },

    async voidLeases(workerId) {
      const [row] = await db.query<{ voided: number }>('SELECT void_leases($1) AS voided', [workerId]);
      return row?.voided ?? 0;
    },

    async reportWaitingSettlements(workerId, waiting) {
      await db.query('SELECT report_unsettled($1, $2::uuid[], $3::uuid[], $4::bigint[], $5::int[], $6::int[])', [
        workerId,
        ...leaseColumns(waiting),
        waiting.map(({ fence }) => fence),
        waiting.map(({ tasks }) => tasks),
        waiting.map(({ open }) => open),
      ]);
    },
  };
}

function toLease(row: LeaseRow): LeaseKey {
  return { accountUuid: row.account_id, batchUuid: row.batch_id, fence: row.fence };
}

function toTasks(
  leases: readonly LeaseKey[],
  batches: readonly LeasedBatchRow[],
  rows: readonly LeasedTaskRow[],
  nowMs: number,
): LeasedTask[] {
  const batchOf = new Map(batches.map((batch) => [batch.lease, batch]));
  const tasks: LeasedTask[] = [];
  for (const row of rows) {
    const lease = leases[row.lease - 1];
    const batch = batchOf.get(row.lease);
    // The lease ended between the two answers, or was taken over: whoever holds it now goes on.
    if (lease === undefined || batch === undefined) continue;
    tasks.push({
      accountUuid: lease.accountUuid,
      batchUuid: lease.batchUuid,
      index: row.task_index,
      fence: lease.fence,
      route: batch.route,
      model: batch.model,
      prompt: row.prompt,
      params: row.params,
      state: row.state,
      isBatchQueued: batch.is_batch_queued,
      attempt: row.attempt,
      failures: row.failures,
      upstreamId: row.upstream_id,
      timeoutMs: batch.timeout_ms,
      timeoutAtMs: row.timeout_in_ms === null ? null : nowMs + row.timeout_in_ms,
      unknownForMs: row.unknown_for_ms,
    });
  }
  return tasks;
}
