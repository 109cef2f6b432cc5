import type { FailureType, TaskParams } from '@rushes/contract';
import type { Database, SqlValue } from '../../db/index.ts';
import type { Clock, StoredVideo } from '../../ports.ts';
import type { Unsettled } from '../loops/waiting-settlements.ts';
import { answers, claimsOf, flags, keys, rangesOf } from './task-columns.ts';
import type { LeaseKey, LeasedTask } from '../task.ts';

/** How a task ends. The credits that move follow from it and from the batch's terms, in the database. */
export type Ending =
  | { readonly outcome: 'succeeded'; readonly video: StoredVideo }
  | { readonly outcome: 'failed'; readonly type: FailureType; readonly detail: string };

export type SettleAnswer = 'settled' | 'late' | 'lost';
export type RequeueAnswer = 'requeued' | 'closed' | 'lost';

export interface Requeue {
  readonly task: LeasedTask;
  /** How the attempt ended; null for a task that was not sent. */
  readonly failure: {
    readonly type: FailureType;
    readonly detail: string;
    /** Whether it uses up one of the task's retries. */
    readonly counted: boolean;
    /** The upstream may have started a generation that nobody will look at. */
    readonly possibleDuplicate: boolean;
  } | null;
  readonly delayMs: number;
}

export interface HeldLease extends LeaseKey {
  readonly open: number;
}

export interface OpenBatch {
  readonly accountId: string;
  readonly batchId: string;
}

interface LeaseRow {
  account_id: string;
  batch_id: string;
  fence: number;
}

/** The worker's view of the database: one method per SQL function. */
export interface TaskStore {
  configureRoute(route: string, maxConcurrentTasks: number): Promise<void>;
  claim(workerId: string, route: string, slots: number, leaseMs: number): Promise<LeaseKey[]>;
  load(leases: readonly LeaseKey[]): Promise<LeasedTask[]>;
  startBatches(batches: readonly OpenBatch[]): Promise<void>;
  /** Answers, for each task, whether it may be sent now. */
  beginAttempts(tasks: readonly LeasedTask[]): Promise<boolean[]>;
  recordSubmissions(submissions: readonly { task: LeasedTask; upstreamId: string }[]): Promise<boolean[]>;
  markUnknown(unknowns: readonly { task: LeasedTask; detail: string }[]): Promise<boolean[]>;
  requeue(requeues: readonly Requeue[]): Promise<RequeueAnswer[]>;
  settle(endings: readonly { task: LeasedTask; ending: Ending }[]): Promise<SettleAnswer[]>;
  renew(workerId: string, leaseMs: number): Promise<HeldLease[]>;
  /** Leases that ran out, of these routes; those of other routes once they are past every timeout. */
  takeOver(workerId: string, leaseMs: number, tasks: number, routes: readonly string[]): Promise<LeaseKey[]>;
  voidLeases(workerId: string): Promise<number>;
  /** Replaces what this worker said before of tasks that only wait to be settled. */
  reportUnsettled(workerId: string, unsettled: readonly Unsettled[]): Promise<void>;
  /** Unfinished batches past their deadline that still have something queued. */
  expiredBatches(): Promise<OpenBatch[]>;
  expire(batch: OpenBatch): Promise<number>;
  /** Routes other than these that have tasks to claim while none of theirs is held by any worker. */
  waitingElsewhere(routes: readonly string[]): Promise<WaitingRoute[]>;
}

export interface WaitingRoute {
  readonly route: string;
  readonly batches: number;
  /** Never claimed. */
  readonly tasks: number;
}

function leaseColumns(leases: readonly { accountId: string; batchId: string }[]): SqlValue[] {
  return [leases.map((lease) => lease.accountId), leases.map((lease) => lease.batchId)];
}

function toLease(row: LeaseRow): LeaseKey {
  return { accountId: row.account_id, batchId: row.batch_id, fence: row.fence };
}

export function createTaskStore(db: Database, clock: Clock): TaskStore {
  return new PostgresTaskStore(db, clock);
}

class PostgresTaskStore implements TaskStore {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async configureRoute(route: string, maxConcurrentTasks: number): Promise<void> {
    await this.#db.query(
      `INSERT INTO dispatch_routes (route, max_concurrent_tasks) VALUES ($1, $2)
       ON CONFLICT (route) DO UPDATE SET max_concurrent_tasks = excluded.max_concurrent_tasks
       WHERE dispatch_routes.max_concurrent_tasks <> excluded.max_concurrent_tasks`,
      [route, maxConcurrentTasks],
    );
  }

  async claim(workerId: string, route: string, slots: number, leaseMs: number): Promise<LeaseKey[]> {
    const rows = await this.#db.query<LeaseRow>('SELECT * FROM claim_tasks($1, $2, $3, $4)', [
      workerId,
      route,
      slots,
      leaseMs,
    ]);
    return rows.map(toLease);
  }

  async load(leases: readonly LeaseKey[]): Promise<LeasedTask[]> {
    const of = [...leaseColumns(leases), leases.map((lease) => lease.fence)];
    const [batches, rows] = await Promise.all([
      this.#db.query<{
        lease: number;
        route: string;
        model: string;
        timeout_ms: number;
        is_batch_queued: boolean;
      }>('SELECT * FROM leased_batches($1::uuid[], $2::uuid[], $3::bigint[])', of),
      this.#db.query<{
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
      }>('SELECT * FROM leased_tasks($1::uuid[], $2::uuid[], $3::bigint[])', of),
    ]);
    const nowMs = this.#clock.monotonicMs();
    const common = new Map(batches.map((batch) => [batch.lease, batch]));
    const tasks: LeasedTask[] = [];
    for (const row of rows) {
      const lease = leases[row.lease - 1];
      const batch = common.get(row.lease);
      // The lease ended between the two answers, or was taken over: whoever holds it now goes on.
      if (lease === undefined || batch === undefined) continue;
      tasks.push({
        accountId: lease.accountId,
        batchId: lease.batchId,
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

  async startBatches(batches: readonly OpenBatch[]): Promise<void> {
    await this.#db.query('SELECT start_batches($1::uuid[], $2::uuid[])', leaseColumns(batches));
  }

  async beginAttempts(tasks: readonly LeasedTask[]): Promise<boolean[]> {
    const ranges = rangesOf(tasks);
    const rows = await this.#db.query<{ ord: number; indexes: number[] | null }>(
      'SELECT * FROM begin_attempts($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::bigint[], $6::int[], $7::int[])',
      [
        ranges.map(({ first }) => first.accountId),
        ranges.map(({ first }) => first.batchId),
        ranges.map(({ first }) => first.index),
        ranges.map(({ first, places }) => first.index + places.length - 1),
        ranges.map(({ first }) => first.fence),
        ranges.map(({ first }) => first.attempt + 1),
        ranges.map(({ first }) => first.timeoutMs),
      ],
    );
    const begun = new Array<boolean>(tasks.length).fill(false);
    for (const { ord, indexes } of rows) {
      const range = ranges[ord - 1];
      if (range === undefined) continue;
      for (const index of indexes ?? range.places.keys()) {
        const place = range.places[indexes === null ? index : index - range.first.index];
        if (place !== undefined) begun[place] = true;
      }
    }
    return begun;
  }

  async recordSubmissions(submissions: readonly { task: LeasedTask; upstreamId: string }[]): Promise<boolean[]> {
    const tasks = submissions.map((submission) => submission.task);
    const rows = await this.#db.query<{ ord: number }>(
      'SELECT * FROM record_submissions($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::text[])',
      [
        ...Object.values(keys(tasks)),
        tasks.map((task) => task.attempt),
        submissions.map((submission) => submission.upstreamId),
      ],
    );
    return flags(tasks.length, rows);
  }

  async markUnknown(unknowns: readonly { task: LeasedTask; detail: string }[]): Promise<boolean[]> {
    const tasks = unknowns.map((unknown) => unknown.task);
    const rows = await this.#db.query<{ ord: number }>(
      'SELECT * FROM mark_unknown($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[])',
      [...Object.values(keys(tasks)), unknowns.map((unknown) => unknown.detail)],
    );
    return flags(tasks.length, rows);
  }

  async requeue(requeues: readonly Requeue[]): Promise<RequeueAnswer[]> {
    const rows = await this.#db.query<{ ord: number; answer: RequeueAnswer }>(
      `SELECT * FROM requeue_tasks($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::text[],
         $7::boolean[], $8::boolean[], $9::int[])`,
      [
        ...Object.values(keys(requeues.map((requeue) => requeue.task))),
        requeues.map(({ failure }) => failure?.type ?? null),
        requeues.map(({ failure }) => failure?.detail ?? null),
        requeues.map(({ failure }) => failure?.counted ?? false),
        requeues.map(({ failure }) => failure?.possibleDuplicate ?? false),
        requeues.map((requeue) => Math.round(requeue.delayMs)),
      ],
    );
    return answers(requeues.length, rows, 'lost');
  }

  async settle(endings: readonly { task: LeasedTask; ending: Ending }[]): Promise<SettleAnswer[]> {
    const failures = endings.map(({ ending }) => (ending.outcome === 'failed' ? ending : null));
    const videos = endings.map(({ ending }) => (ending.outcome === 'succeeded' ? ending.video : null));
    const { claims, places } = claimsOf(endings.map(({ task }) => task));
    const rows = await this.#db.query<{ answer: SettleAnswer; places: number[] | null }>(
      `SELECT * FROM settle_tasks($1::uuid[], $2::uuid[], $3::bigint[], $4::int[], $5::int[], $6::text[], $7::text[],
         $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bytea[], $13::text[])`,
      [
        ...leaseColumns(claims),
        claims.map((claim) => claim.fence),
        places,
        endings.map(({ task }) => task.index),
        endings.map(({ ending }) => ending.outcome),
        failures.map((failure) => failure?.type ?? null),
        failures.map((failure) => failure?.detail ?? null),
        endings.map(({ task }) => task.upstreamId),
        videos.map((video) => video?.key ?? null),
        videos.map((video) => video?.bytes ?? null),
        videos.map((video) => video?.sha256 ?? null),
        videos.map((video) => video?.contentType ?? null),
      ],
    );
    // Of a task named twice the second is not answered. Not `lost`: the video of the one that counted may be stored under the
    // same key.
    const given = new Array<SettleAnswer>(endings.length).fill('late');
    for (const row of rows) {
      if (row.places === null) given.fill(row.answer);
      else for (const place of row.places) given[place - 1] = row.answer;
    }
    return given;
  }

  async renew(workerId: string, leaseMs: number): Promise<HeldLease[]> {
    const rows = await this.#db.query<LeaseRow & { open: number }>('SELECT * FROM renew_leases($1, $2)', [
      workerId,
      leaseMs,
    ]);
    return rows.map((row) => ({ ...toLease(row), open: row.open }));
  }

  async takeOver(workerId: string, leaseMs: number, tasks: number, routes: readonly string[]): Promise<LeaseKey[]> {
    const rows = await this.#db.query<LeaseRow>('SELECT * FROM take_over_leases($1, $2, $3, $4::text[])', [
      workerId,
      leaseMs,
      tasks,
      routes,
    ]);
    return rows.map(toLease);
  }

  async voidLeases(workerId: string): Promise<number> {
    const [row] = await this.#db.query<{ voided: number }>('SELECT void_leases($1) AS voided', [workerId]);
    return row?.voided ?? 0;
  }

  async reportUnsettled(workerId: string, unsettled: readonly Unsettled[]): Promise<void> {
    await this.#db.query('SELECT report_unsettled($1, $2::uuid[], $3::uuid[], $4::bigint[], $5::int[], $6::int[])', [
      workerId,
      ...leaseColumns(unsettled),
      unsettled.map(({ fence }) => fence),
      unsettled.map(({ tasks }) => tasks),
      unsettled.map(({ open }) => open),
    ]);
  }

  async expiredBatches(): Promise<OpenBatch[]> {
    const rows = await this.#db.query<{ account_id: string; batch_id: string }>(
      `SELECT account_id, batch_id FROM batch_schedule
       WHERE NOT closed AND deadline_at <= rushes_now() ORDER BY deadline_at LIMIT 100`,
    );
    return rows.map((row) => ({ accountId: row.account_id, batchId: row.batch_id }));
  }

  async expire(batch: OpenBatch): Promise<number> {
    const [row] = await this.#db.query<{ closed: number }>(`SELECT close_batch($1, $2, 'expired') AS closed`, [
      batch.accountId,
      batch.batchId,
    ]);
    return row?.closed ?? 0;
  }

  waitingElsewhere(routes: readonly string[]): Promise<WaitingRoute[]> {
    return this.#db.query<{ route: string; batches: number; tasks: number }>(
      `SELECT s.route, count(*) AS batches, sum(s.total - s.cursor_index) AS tasks FROM batch_schedule s
       WHERE s.route <> ALL ($1::text[]) AND NOT s.closed AND NOT s.paused AND s.cursor_index < s.total
         AND NOT EXISTS (SELECT FROM task_leases l WHERE l.route = s.route)
       GROUP BY s.route`,
      [routes],
    );
  }
}
