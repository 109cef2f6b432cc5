import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { Database } from '../../db/index.ts';
import type { BatchName } from './task-columns.ts';

interface WaitingRoute {
  readonly route: string;
  readonly batches: number;
  /** Never claimed. */
  readonly tasks: number;
}

/** What the worker must know of whole batches and routes. */
export interface ScheduleStore {
  /** Makes it known how many tasks of a route may be in flight, in all workers together. */
  configureRoute(route: string, maxConcurrentTasks: number): Promise<void>;
  /** Unfinished batches past their deadline that still have something queued. */
  expiredBatches(): Promise<BatchName[]>;
  /** Refunds what is queued of a batch past its deadline; answers how many tasks. */
  expire(batch: BatchName): Promise<number>;
  /** Routes other than these that have tasks to claim while none of theirs is held by any worker. */
  waitingElsewhere(routes: readonly string[]): Promise<WaitingRoute[]>;
}

export function createScheduleStore(db: Database): ScheduleStore {
  return {
    async configureRoute(route, maxConcurrentTasks) {
      await db.query(
        `INSERT INTO dispatch_routes (route, max_concurrent_tasks) VALUES ($1, $2)
         ON CONFLICT (route) DO UPDATE SET max_concurrent_tasks = excluded.max_concurrent_tasks
         WHERE dispatch_routes.max_concurrent_tasks <> excluded.max_concurrent_tasks`,
        [route, maxConcurrentTasks],
      );
    },

    async expiredBatches() {
      const rows = await db.query<{ account_id: AccountUuid; batch_id: BatchUuid }>(
        `SELECT account_id, batch_id FROM batch_schedule
         WHERE NOT closed AND deadline_at <= rushes_now() ORDER BY deadline_at LIMIT 100`,
      );
      return rows.map((row) => ({ accountUuid: row.account_id, batchUuid: row.batch_id }));
    },

    async expire(batch) {
      const [row] = await db.query<{ closed: number }>(`SELECT close_batch($1, $2, 'expired') AS closed`, [
        batch.accountUuid,
        batch.batchUuid,
      ]);
      return row?.closed ?? 0;
    },

    waitingElsewhere(routes) {
      return db.query<{ route: string; batches: number; tasks: number }>(
        `SELECT s.route, count(*) AS batches, sum(s.total - s.cursor_index) AS tasks FROM batch_schedule s
         WHERE s.route <> ALL ($1::text[]) AND NOT s.closed AND NOT s.paused AND s.cursor_index < s.total
           AND NOT EXISTS (SELECT FROM task_leases l WHERE l.route = s.route)
         GROUP BY s.route`,
        [routes],
      );
    },
  };
}
