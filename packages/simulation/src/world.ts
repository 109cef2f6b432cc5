/** Everything that the processes of one history share, and how a worker of it is started. */
import type { Knex } from 'knex';
import type { Database, SqlValue } from '../../server/src/db/index.ts';
import { createAttemptTokens } from '../../server/src/generations/index.ts';
import type { LogFields, Logger } from '../../server/src/ports.ts';
import { startWorker, type Route } from '../../server/src/worker/index.ts';
import type { Worker } from '../../server/src/worker/worker.ts';
import { Chaos, type Channel, type Mood } from './chaos.ts';
import type { Dice } from './dice.ts';
import type { HistoryKind } from './history-kind.ts';
import { lateOutcomes, type LateOutcome } from './late-outcomes.ts';
import { checkLeases } from './lease-checks.ts';
import { SimulatedProcess } from './process.ts';
import { Scheduler } from './scheduler.ts';
import { Sessions, type Connections } from './sessions.ts';
import type { LockTimeouts, SettableClock } from './settable-database.ts';
import type { PostedCallback } from './simulated-callbacks.ts';
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

/** Numbers that one history is run with. */
export interface Settings {
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly unknownWaitMs: number;
  readonly routeLimits: Readonly<Record<string, number>>;
  readonly accountLimits: readonly number[];
  /** Shortest and longest time for which a process is stopped. */
  readonly stopMs: readonly [number, number];
  readonly longestGenerationMs: number;
  /** How long the upstream knows of a result before it says that there is none. */
  readonly resultsKnownForMs: number;
  /** Longest pause of a worker between two looks for work. */
  readonly dispatchIntervalMs: number;
  readonly pollIntervalMs: readonly [number, number];
  /** Generations end only at multiples of this; 1: at any time. */
  readonly roundMs: number;
  /** Routes whose upstream posts about its generations. */
  readonly callsBack: readonly string[];
  /** Routes whose upstream finds a submission by its token and tells of many generations at once. */
  readonly looksUp: readonly string[];
}

const SHORT_LEASE_MS = 10_000;

export function drawSettings(dice: Dice, kind: HistoryKind): Settings {
  const routeLimits = Object.fromEntries(ROUTES.map((route) => [route, dice.integer(2, 8)]));
  const limits = (accounts: number, least: number): number[] =>
    Array.from({ length: accounts }, () => dice.integer(least, 7));
  const usual: Settings = {
    leaseMs: dice.pick([20_000, 30_000, 60_000]),
    timeoutMs: dice.integer(25_000, 50_000),
    unknownWaitMs: dice.pick([1_000, 10_000, 25_000]),
    routeLimits,
    accountLimits: limits(3, 1),
    stopMs: [500, 250_000],
    longestGenerationMs: 20_000,
    resultsKnownForMs: dice.pick([15_000, 600_000, 600_000]),
    dispatchIntervalMs: 8_000,
    pollIntervalMs: [1_000, 8_000],
    ...dice.pick([
      { callsBack: [], looksUp: [] },
      { callsBack: [ROUTES[0]], looksUp: [ROUTES[1]] },
    ]),
    roundMs: 1,
  };
  switch (kind) {
    case 'ordinary':
      return usual;
    case 'poisoned':
      return { ...usual, resultsKnownForMs: 600_000 };
    case 'comeback':
      return {
        ...usual,
        leaseMs: SHORT_LEASE_MS,
        timeoutMs: 120_000,
        unknownWaitMs: 1_000,
        accountLimits: limits(2, 4),
        stopMs: [0.95 * SHORT_LEASE_MS, 5 * SHORT_LEASE_MS],
        longestGenerationMs: 4_000,
        resultsKnownForMs: dice.pick([8_000, 600_000]),
      };
    case 'crowd':
      return {
        ...usual,
        leaseMs: SHORT_LEASE_MS,
        // Either they are in each other's way at the limits, or many end at once.
        ...dice.pick([
          { accountLimits: limits(2, 3) },
          { accountLimits: [12, 12], routeLimits: Object.fromEntries(ROUTES.map((route) => [route, 20])) },
        ]),
        longestGenerationMs: 2_000,
        resultsKnownForMs: 600_000,
        dispatchIntervalMs: 500,
        pollIntervalMs: [200, 300],
        roundMs: 1_500,
        callsBack: [],
        looksUp: ROUTES,
      };
    case 'clash':
      return {
        ...usual,
        leaseMs: SHORT_LEASE_MS,
        unknownWaitMs: 1_000,
        ...dice.pick([
          { accountLimits: limits(2, 4) },
          { accountLimits: [12, 12], routeLimits: Object.fromEntries(ROUTES.map((route) => [route, 20])) },
        ]),
        longestGenerationMs: 2_000,
        resultsKnownForMs: 600_000,
        callsBack: [],
        looksUp: [],
      };
  }
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
  /** Outcomes that were answered to be late. */
  readonly late: LateOutcome[] = [];
  readonly tokens = createAttemptTokens(new TextEncoder().encode('the secret of the simulation'));
  /** Where callbacks are posted to: the API as it runs at the time. */
  onCallback: (callback: PostedCallback) => void = () => undefined;
  /** Until then nobody reaches the database; what has reached it goes on. */
  databaseAwayUntilMs = 0;
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
    this.scheduler.trace.add(this.scheduler.nowMs, 'VIOLATION', `${rule}: ${detail}`);
  }

  process(kind: string, isMortal: boolean): SimulatedProcess {
    this.#processes += 1;
    return new SimulatedProcess(this, `${kind}-${this.#processes}`, isMortal);
  }

  databaseOf(process: SimulatedProcess): Database {
    return new SimulatedDatabase(this, process, this.#build);
  }

  isAway(channel: Channel): boolean {
    return channel === 'database' && this.scheduler.nowMs < this.databaseAwayUntilMs;
  }

  attemptNamed(route: string, token: string): string {
    const key = this.tokens.read(route, token);
    if (key === null) throw new Error(`route ${route} was given a token that is none: ${token}`);
    return `${key.batchUuid}/${key.index}/${key.attempt}`;
  }

  post(callback: PostedCallback): void {
    this.onCallback(callback);
  }

  /** Statements wait, lose their connections and are canceled; that one of them is wrong is never a fault of ours. */
  onError(statement: string, error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const isExpected = code === '55P03' || (error instanceof Error && error.message === 'simulated poison');
    if (!isExpected) this.violated('a statement fails', `${statement}: ${code} ${String(error)}`);
  }

  async afterStatement(statement: string, values: readonly SqlValue[], rows: readonly object[]): Promise<void> {
    if (statement === 'settle_tasks') this.late.push(...lateOutcomes(values, rows));
    const claimedRoute = statement === 'claim_tasks' && rows.length > 0 ? (values[1] as string) : null;
    for (const { rule, detail } of await checkLeases(this.control, statement, claimedRoute))
      this.violated(rule, detail);
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
      warn: () => undefined,
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
    process.workerId = workerId;
    const forgotten = new Set<string>();
    const started = startWorker({
      workerId,
      db: this.databaseOf(process),
      clock: process.clock,
      random: process.random,
      logger: this.#logger(process),
      http: this.provider.videos.http(process),
      storage: this.disk.storage(process),
      routes: routes.map((route) => this.#route(process, route)),
      concurrency: 10,
      leaseMs: settings.leaseMs,
      dispatchIntervalMs: settings.dispatchIntervalMs,
      tokenFor: ({ route, accountUuid, batchUuid, index }, attempt) =>
        this.tokens.tokenFor(route, { accountUuid, batchUuid, index, attempt }),
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
      pollIntervalMs: this.settings.pollIntervalMs,
      retry: { maxFailures: 3, baseDelayMs: 500, maxDelayMs: 10_000 },
      unknownWaitMs: this.settings.unknownWaitMs,
      ...(this.settings.callsBack.includes(name)
        ? { callbackUrl: (token) => `simulated://callbacks/${name}/${token}` }
        : {}),
    };
  }
}
