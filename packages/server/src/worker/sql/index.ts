import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';
import { beginAttempts } from './begin-attempts.ts';
import { claimTasks } from './claim-tasks.ts';
import { leasedBatches } from './leased-batches.ts';
import { leasedTasks } from './leased-tasks.ts';
import { markUnknown } from './mark-unknown.ts';
import { recordSubmissions } from './record-submissions.ts';
import { renewLeases } from './renew-leases.ts';
import { reportUnsettled } from './report-unsettled.ts';
import { requeueTasks } from './requeue-tasks.ts';
import { settleTasks } from './settle-tasks.ts';
import { takeOverLeases } from './take-over-leases.ts';
import { voidLeases } from './void-leases.ts';

/**
 * Claiming and leases, and the steps of one attempt: intent before the call, the upstream's id after it, unknown when no clear
 * answer came, back to the queue when it may be tried again, settled at the end. Every write stands under the task's fence and
 * state.
 *
 * Locks are taken in one order everywhere: account, hold, schedule, leases, tasks; rows of one kind by their keys. Input is
 * sorted for that reason: an update over a nested loop locks in the order of its outer side. A call waits a second for a lock
 * and no longer, since it carries the tasks of many accounts, of which one is locked.
 */
export const schema: RoomSchema = {
  name: 'worker',
  after: ['batches'],
  migrations: [tables],
  tables: {
    dispatch_routes: 'open',
    dispatch_shares: 'functions',
    batch_schedule: 'insert',
    task_leases: 'functions',
    task_retries: 'functions',
    unsettled_tasks: 'functions',
    task_attempts: 'functions',
    late_results: 'functions',
  },
  views: [],
  functions: [
    claimTasks,
    leasedTasks,
    leasedBatches,
    renewLeases,
    reportUnsettled,
    voidLeases,
    takeOverLeases,
    beginAttempts,
    recordSubmissions,
    markUnknown,
    requeueTasks,
    settleTasks,
  ],
};
