import type { Database } from '../db/index.ts';
import type { Clock, HttpClient, Logger, Metrics, Random } from '../ports.ts';
import type { MeasuredStorage } from './loops/free-space.ts';
import type { Tell } from './notices.ts';
import type { Route } from './route/route.ts';
import type { TokenFor } from './task.ts';

/** What a worker is started with. */
export interface WorkerOptions {
  readonly workerId: string;
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly http: HttpClient;
  readonly storage: MeasuredStorage;
  readonly metrics?: Metrics;
  readonly routes: readonly Route[];
  /** Tasks in flight at once in this process. */
  readonly concurrency: number;
  /** How long its claims outlive it; they are renewed meanwhile. */
  readonly leaseMs: number;
  /** Longest pause between two looks for work, in milliseconds. */
  readonly dispatchIntervalMs: number;
  readonly tokenFor: TokenFor;
  /** Worker ids of processes on this machine that are known to be dead, each reported until it was forgotten. */
  readonly deadWorkers: () => Promise<readonly { workerId: string; forget: () => Promise<void> }[]>;
  /** Takes what the operator must know; nobody does when absent. */
  readonly tell?: Tell;
}
