import type { Database } from '../../db/index.ts';
import type { Clock } from '../../ports.ts';
import { createAttemptStore, type AttemptStore } from './attempt-store.ts';
import { createLeaseStore, type LeaseStore } from './lease-store.ts';
import { createScheduleStore, type ScheduleStore } from './schedule-store.ts';
import { createSettlementStore, type SettlementStore } from './settlement-store.ts';

/** The worker's view of the database: one method per SQL function. */
export interface TaskStore extends LeaseStore, AttemptStore, SettlementStore, ScheduleStore {}

export function createTaskStore(db: Database, clock: Pick<Clock, 'monotonicMs'>): TaskStore {
  return {
    ...createLeaseStore(db, clock),
    ...createAttemptStore(db),
    ...createSettlementStore(db),
    ...createScheduleStore(db),
  };
}
