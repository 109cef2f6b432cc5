/** Everything that the processes of one history share, and how a worker of it is started. */
import type { Knex } from 'knex';
import type { Database } from '../db/index.ts';
import type { LogFields, Logger } from '../ports.ts';
import { startWorker, type Route, type Worker } from '../worker/index.ts';
import { Chaos, type Mood } from './chaos.ts';
import type { Dice } from './dice.ts';
import { SimulatedProcess } from './process.ts';
import { Scheduler } from './scheduler.ts';
import { Sessions, type Connections } from './sessions.ts';
import type { LockTimeouts, SettableClock } from './settable-database.ts';
import { SimulatedDatabase } from './simulated-database.ts';
import { SimulatedDisk } from './simulated-storage.ts';
import { SimulatedProvider } from './simulated-upstream.ts';
import { Trace } from './trace.ts';

/** A database of its own, prepared by `prepareDatabase`; one history after the other is run in it. */
export interface SimulationDatabase {
  readonly connections: Connections;
  readonly lockTimeouts: LockTimeouts;
  readonly clock: SettableClock;
  readonly build: Knex;
}

export const ROUTES = ['alpha', 'beta'] as const;

export interface LateOutcome {
  readonly batchUuid: string;
  readonly index: number;
  readonly ending: string;
}

/** Numbers that one history is run with. */
export interface Settings {
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly unknownWaitMs: number;
  readonly routeLimits: Readonly<Record<string, number>>;
  readonly accountLimits: readonly number[];
}

export function drawSettings(dice: Dice, accounts: number): Settings {
  return {
    leaseMs: dice.pick([20_000, 30_000, 60_000]),
    timeoutMs: dice.integer(25_000, 50_000),
    unknownWaitMs: dice.pick([1_000, 10_000, 25_000]),
    routeLimits: Object.fromEntries(ROUTES.map((route) => [route, dice.integer(2, 8)])),
    accountLimits: Array.from({ length: accounts }, () => dice.integer(1, 7)),
  };
}

export class World {
  readonly scheduler: Scheduler;
  readonly chaos: Chaos;
  readonly sessions: Sessions;
  readonly lockTimeouts: LockTimeouts;
  readonly provider: SimulatedProvider;
  readonly disk: SimulatedDisk;
  readonly control: Database;
  readonly settings: Settings;
  readonly #build: Knex;
  /** What no step of a correct system may show. */
  readonly violations: string[] = [];
  /** Outcomes that workers were told to be late. */
  readonly late: LateOutcome[] = [];
  #processes = 0;

  constructor(database: SimulationDatabase, dice: Dice, mood: Mood, settings: Settings) {
    this.scheduler = new Scheduler(dice.fork('scheduler'), new Trace());
    this.chaos = new Chaos(dice.fork('chaos'), mood);
    this.sessions = new Sessions(this.scheduler, database.connections, database.clock);
    this.lockTimeouts = database.lockTimeouts;
    this.provider = new SimulatedProvider(this);
    this.disk = new SimulatedDisk(this.chaos);
    this.control = database.connections.control;
    this.settings = settings;
    this.#build = database.build;
  }

  violated(rule: string, detail: string): void {
    this.violations.push(`${rule}: ${detail}`);
  }

  process(kind: string, isMortal: boolean): SimulatedProcess {
    this.#processes += 1;
    return new SimulatedProcess(this, `${kind}-${this.#processes}`, isMortal);
  }

  databaseOf(process: SimulatedProcess): Database {
    return new SimulatedDatabase(this, process, this.#build);
  }

  /** Statements wait, lose their connections and are canceled; that one of them is wrong is never a fault of ours. */
  onError(statement: string, error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isExpected = code === '55P03' || (error instanceof Error && error.message === 'simulated poison');
    if (!isExpected) this.violated('a statement fails', `${statement}: ${code} ${String(error)}`);
  }

  /** Limits are exact: nobody may see them exceeded at any time. */
  async afterStatement(statement: string): Promise<void> {
    if (statement !== 'claim_tasks') return;
    const exceeded = await this.control.query<{ detail: string }>(
      `SELECT format('account %s has %s of %s', l.account_id, sum(l.open), a.max_concurrent_tasks) AS detail
       FROM task_leases l JOIN accounts a USING (account_id)
       GROUP BY l.account_id, a.max_concurrent_tasks HAVING sum(l.open) > a.max_concurrent_tasks
       UNION ALL
       SELECT format('route %s has %s of %s', l.route, sum(l.open), r.max_concurrent_tasks)
       FROM task_leases l JOIN dispatch_routes r USING (route)
       GROUP BY l.route, r.max_concurrent_tasks HAVING sum(l.open) > r.max_concurrent_tasks`,
    );
    for (const { detail } of exceeded) this.violated('a limit is exceeded', detail);
  }

  #logger(process: SimulatedProcess): Logger {
    const error = (fields: LogFields, message: string): void => {
      const { err } = fields;
      const isOurs = err instanceof TypeError || err instanceof RangeError || err instanceof ReferenceError;
      if (isOurs) this.violated('a worker has a bug', `${process.name}: ${message}: ${String(err)}`);
    };
    const logger: Logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: ({ batch, task, ending, answer }) => {
        if (answer === 'late' && typeof batch === 'string' && typeof task === 'number' && typeof ending === 'string') {
          this.late.push({ batchUuid: batch, index: task, ending });
        }
      },
      error,
      child: () => logger,
    };
    return logger;
  }

  /** Starts a worker in a process of its own. The promise settles as its steps do. */
  startWorker(
    process: SimulatedProcess,
    routes: readonly string[],
    deadWorkers: () => readonly string[],
  ): { readonly workerId: string; readonly started: Promise<Worker> } {
    const { settings } = this;
    const workerId = process.random.uuid();
    const forgotten = new Set<string>();
    const started = startWorker({
      workerId,
      db: this.databaseOf(process),
      clock: process.clock,
      random: process.random,
      logger: this.#logger(process),
      http: this.provider.http(process),
      storage: this.disk.storage(process),
      routes: routes.map((route) => this.#route(process, route)),
      concurrency: 10,
      leaseMs: settings.leaseMs,
      dispatchIntervalMs: 8_000,
      tokenFor: (task, attempt) => `${task.batchId}/${task.index}/${attempt}`,
      deadWorkers: () =>
        Promise.resolve(
          deadWorkers()
            .filter((dead) => !forgotten.has(dead))
            .map((dead) => ({
              workerId: dead,
              forget: () => {
                forgotten.add(dead);
                return Promise.resolve();
              },
            })),
        ),
    });
    return { workerId, started };
  }

  #route(process: SimulatedProcess, name: string): Route {
    return {
      name,
      upstream: this.provider.adapter(process, name),
      maxConcurrentTasks: this.settings.routeLimits[name] ?? 1,
      upstreamModel: (model) => model,
      pollIntervalMs: [1_000, 8_000],
      retry: { maxFailures: 3, baseDelayMs: 500, maxDelayMs: 10_000 },
      unknownWaitMs: this.settings.unknownWaitMs,
    };
  }
}
