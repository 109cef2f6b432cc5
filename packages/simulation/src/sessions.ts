/** Connections to the real database whose statements can be stopped halfway and are never left to race each other. */
import { setTimeout as pause } from 'node:timers/promises';
import { openDatabase, type Database, type Queryable } from '../../server/src/db/index.ts';
import type { Scheduler, Step } from './scheduler.ts';
import { GATE, type SettableClock } from './settable-database.ts';
import { shown } from './trace.ts';
import { SESSION_NAME } from './truths.ts';

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** One connection. */
export interface Session {
  readonly number: number;
  readonly applicationName: string;
  readonly db: Database;
}

export interface Request<T> {
  readonly session: Session;
  /** The session itself, or the transaction that is open on it. */
  readonly queryable: Queryable;
  readonly name: string;
  /** The worker that it is a statement of; null for whoever is none. */
  readonly workerId: string | null;
  readonly lockTimeoutMs: number;
  /** Stop at this pause point inside the statement (1: the first); null: run through. */
  readonly pauseAt: number | null;
  readonly pauseMs: number;
  readonly work: () => Promise<T>;
  /** Called once, inside the step in which the statement ended. */
  readonly finish: (outcome: Outcome<T>) => Promise<void>;
}

interface Statement {
  readonly session: Session;
  readonly queryable: Queryable;
  readonly name: string;
  readonly lockTimeoutMs: number;
  readonly pauseMs: number;
  readonly ended: Promise<void>;
  readonly finish: (outcome: Outcome<unknown>) => Promise<void>;
  state: 'running' | 'paused' | 'blocked';
  /** Whose locks it waits for. */
  blockers: readonly string[];
  outcome: Outcome<unknown> | null;
  isGated: boolean;
  isTimedOut: boolean;
  /** Ends its waiting for a lock. */
  timeout: Step | null;
  /** Ends its pause. */
  goingOn: Step | null;
}

const CONTROL = 'simulation control';
/** Real time between two looks at a statement that has not ended; each costs the database more than most statements. */
const FIRST_LOOK_MS = 1;
const LATEST_LOOK_MS = 16;

/**
 * A statement runs alone until it has ended, stands at a pause point, or waits for a lock. While one waits for a lock only
 * what may release it goes on, so that no two statements ever run at the same time and the order of events is the seed's.
 */
export class Sessions {
  readonly #scheduler: Scheduler;
  readonly #control: Database;
  readonly #clock: SettableClock;
  readonly #free: Session[];
  readonly #open = new Set<Statement>();
  /** Locks may be held between statements as long as one of these is open. */
  openTransactions = 0;
  /** Milliseconds by which the database's clock is ahead of virtual time. */
  clockOffsetMs = 0;

  constructor(scheduler: Scheduler, connections: Connections, clock: SettableClock) {
    this.#scheduler = scheduler;
    this.#control = connections.control;
    this.#clock = clock;
    this.#free = [...connections.sessions];
  }

  /** Whether a statement stands somewhere inside itself. */
  get isBusy(): boolean {
    return this.#open.size > 0;
  }

  /** Whether nobody uses a connection. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.openTransactions === 0;
  }

  /** Whether a statement may be sent now: in the transaction that is open on this session, or for null in a new one. */
  maySend(session: Session | null): boolean {
    const blocked = [...this.#open].filter(({ state }) => state === 'blocked');
    if (session === null) return this.#free.length > 0 && blocked.length === 0;
    return blocked.length === 0 || blocked.some(({ blockers }) => blockers.includes(session.applicationName));
  }

  /** Always the first that is free: it has compiled the functions and planned the statements already. */
  take(): Session {
    const session = this.#free.shift();
    if (session === undefined) throw new Error('no free session: maySend was not asked');
    return session;
  }

  giveBack(session: Session): void {
    if (this.#free.includes(session)) throw new Error(`${session.applicationName} was given back twice`);
    this.#free.push(session);
    this.#free.sort((a, b) => a.number - b.number);
  }

  /** Lets the database's clock say what virtual time says. */
  syncClock(): void {
    this.#clock.set(this.#scheduler.nowMs + this.clockOffsetMs);
  }

  /** Sends a statement; resolves when it has ended or cannot go on by itself. */
  async start<T>(request: Request<T>): Promise<string> {
    const { session, queryable, pauseAt } = request;
    this.#clock.setWorker(session.number, request.workerId);
    if (pauseAt !== null) {
      await this.#control.query('SELECT pg_advisory_lock($1, $2)', [GATE, session.number]);
      await queryable.query(
        `SELECT set_config('simulation.session', $1, false), set_config('simulation.pause', $2, false)`,
        [String(session.number), String(pauseAt)],
      );
    }
    const statement: Statement = {
      ...request,
      finish: (outcome) => request.finish(outcome as Outcome<T>),
      ended: request.work().then(
        (value) => void (statement.outcome = { ok: true, value }),
        (error: unknown) => void (statement.outcome = { ok: false, error }),
      ),
      state: 'running',
      blockers: [],
      outcome: null,
      isGated: pauseAt !== null,
      isTimedOut: false,
      timeout: null,
      goingOn: null,
    };
    this.#open.add(statement);
    return this.#goOn(statement);
  }

  /** Lets one statement run as far as it can, then each that it has set free by ending. */
  async #goOn(statement: Statement): Promise<string> {
    statement.state = 'running';
    await this.#untilStill(statement);
    const said = await this.#conclude(statement);
    return statement.outcome === null ? said : said + (await this.afterRelease());
  }

  /** Locks were released: lets every statement that waited for them run as far as it can. */
  async afterRelease(): Promise<string> {
    let said = '';
    for (let isAnyFree = true; isAnyFree;) {
      isAnyFree = false;
      for (const other of [...this.#open].filter(({ state }) => state === 'blocked')) {
        // What one of them does as it ends may release locks too, and let another end before its turn here.
        if (!this.#open.has(other) || other.state !== 'blocked') continue;
        other.state = 'running';
        await this.#untilStill(other);
        if (this.#isWaitingAgain(other)) continue;
        isAnyFree ||= other.outcome !== null;
        said += `; ${other.session.applicationName} ${other.name}: ${await this.#conclude(other)}`;
      }
    }
    return said;
  }

  #isWaitingAgain({ outcome, state, timeout }: Statement): boolean {
    return outcome === null && state === 'blocked' && timeout !== null;
  }

  async #untilStill(statement: Statement): Promise<void> {
    const isAlone = !statement.isGated && this.#open.size === 1 && this.openTransactions === 0;
    if (isAlone) await statement.ended;
    for (let lookMs = FIRST_LOOK_MS; statement.outcome === null; lookMs = Math.min(2 * lookMs, LATEST_LOOK_MS)) {
      await Promise.race([statement.ended, pause(lookMs)]);
      if (statement.outcome !== null) return;
      const blockers = await this.#blockersOf(statement.session);
      if (statement.outcome !== null) return;
      if (blockers.length > 0) {
        statement.state = blockers.includes(CONTROL) ? 'paused' : 'blocked';
        statement.blockers = blockers;
        return;
      }
    }
  }

  /** Applications whose locks a session waits for, among those of the simulation. */
  async #blockersOf({ applicationName }: Session): Promise<string[]> {
    const rows = await this.#control.query<{ blocker: string }>(
      `SELECT b.application_name AS blocker FROM pg_stat_activity a
       JOIN pg_stat_activity b ON b.pid = ANY (pg_blocking_pids(a.pid))
       WHERE a.datname = current_database() AND a.application_name = $1 AND b.application_name LIKE 'simulation %'`,
      [applicationName],
    );
    return rows.map(({ blocker }) => blocker);
  }

  async #conclude(statement: Statement): Promise<string> {
    if (statement.outcome !== null) return this.#end(statement, statement.outcome);
    const nowMs = this.#scheduler.nowMs;
    if (statement.state === 'paused') {
      // It has its lock: only waiting is limited.
      this.#stopWaiting(statement);
      statement.goingOn = this.#scheduler.add({
        name: `${statement.session.applicationName} goes on with ${statement.name}`,
        dueMs: nowMs + statement.pauseMs,
        perform: async () => {
          statement.goingOn = null;
          this.syncClock();
          await this.#openGate(statement);
          return this.#goOn(statement);
        },
      });
      return 'pauses inside';
    }
    statement.timeout ??= this.#scheduler.add({
      name: `${statement.session.applicationName} gives up waiting in ${statement.name}`,
      dueMs: nowMs + statement.lockTimeoutMs,
      perform: () => this.#timeOut(statement),
    });
    return 'waits for a lock';
  }

  #stopWaiting(statement: Statement): void {
    if (statement.timeout !== null) this.#scheduler.remove(statement.timeout);
    statement.timeout = null;
  }

  async #openGate(statement: Statement): Promise<void> {
    statement.isGated = false;
    await this.#control.query('SELECT pg_advisory_unlock($1, $2)', [GATE, statement.session.number]);
  }

  async #timeOut(statement: Statement): Promise<string> {
    statement.isTimedOut = true;
    await this.#control.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = $1`,
      [statement.session.applicationName],
    );
    await statement.ended;
    return this.#goOn(statement);
  }

  async #end(statement: Statement, ended: Outcome<unknown>): Promise<string> {
    this.#open.delete(statement);
    this.#stopWaiting(statement);
    if (statement.goingOn !== null) this.#scheduler.remove(statement.goingOn);
    if (statement.isGated) {
      // It never came to its pause point. A transaction that failed forgets the setting by itself.
      await this.#openGate(statement);
      await statement.queryable.query(`SELECT set_config('simulation.pause', '', false)`).catch(() => undefined);
    }
    const outcome: Outcome<unknown> = statement.isTimedOut && !ended.ok ? { ok: false, error: lockTimeout() } : ended;
    await statement.finish(outcome);
    return outcome.ok ? shown(outcome.value) : `fails: ${String(outcome.error)}`;
  }
}

function lockTimeout(): Error {
  return Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' });
}

/** Kept from history to history: a connection remembers the plans of what it has run. */
export interface Connections {
  /** Superuser: moves the clock, holds the gates, looks for locks. One connection, since the gates belong to it. */
  readonly control: Database;
  readonly sessions: readonly Session[];
  close(): Promise<void>;
}

export function openConnections(adminUrl: string, appUrl: string, count: number): Connections {
  const open = (url: string, applicationName: string): Database =>
    openDatabase({ url, applicationName, maxConnections: 1, onConnectionError: () => undefined });
  const control = open(adminUrl, CONTROL);
  const sessions = Array.from({ length: count }, (_, number) => {
    const applicationName = `${SESSION_NAME}${number}`;
    return { number, applicationName, db: open(appUrl, applicationName) };
  });
  return {
    control,
    sessions,
    async close() {
      await Promise.all([control, ...sessions.map(({ db }) => db)].map((db) => db.close()));
    },
  };
}
