/** The Database port of a simulated process: each statement of it is a step, on the real database. */
import type { Knex } from 'knex';
import { isTransient, type Database, type Queryable, type SqlValue } from '../../server/src/db/index.ts';
import type { Chaos } from './chaos.ts';
import type { Dice } from './dice.ts';
import { openTransaction, type OpenTransaction } from './open-transaction.ts';
import type { SimulatedProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { Outcome, Session, Sessions } from './sessions.ts';
import type { LockTimeouts } from './settable-database.ts';
import { shown } from './trace.ts';

export interface DatabaseWorld {
  readonly scheduler: Scheduler;
  readonly chaos: Chaos;
  readonly sessions: Sessions;
  readonly lockTimeouts: LockTimeouts;
  readonly settings: { readonly leaseMs: number; readonly callsBack: readonly string[] };
  /** Told every error that PostgreSQL raised by itself: no statement of ours fails without a fault. */
  onError(statement: string, error: unknown): void;
  /** Told of every statement that has been committed by itself. */
  afterStatement(statement: string, values: readonly SqlValue[], rows: readonly object[]): Promise<void>;
  violated(rule: string, detail: string): void;
}

/** How long an application waits for a lock where its statement sets no limit of its own (database.ts). */
const LOCK_TIMEOUT_MS = 15_000;
const IDLE_IN_TRANSACTION_MS = 5_000;
const TRANSACTION_TRIES = 5;

type Rows = object[];

/** Names a statement by the SQL function that it calls, or by what it does to which table. */
function statementName(sql: string): string {
  const called = /\b((?!jsonb_|make_|array_|regexp_|string_)[a-z]+(?:_[a-z]+)+)\(\$/.exec(sql)?.[1];
  if (called !== undefined) return called;
  const [, verb = 'statement', table = ''] = /^\s*(\w+)[\s\S]*?\b(?:FROM|INTO|UPDATE)\s+([a-z_]+)/.exec(sql) ?? [];
  return `${verb.toLowerCase()}_${table}`;
}

function reset(): Error {
  return Object.assign(new Error('read ECONNRESET (simulated)'), { code: 'ECONNRESET' });
}

/** Rows without an order come in any order. */
function anyOrder<R extends object>(rows: readonly R[], sql: string, dice: Dice): R[] {
  if (/ORDER BY/.test(sql) || rows.length < 2) return [...rows];
  const sorted = rows.map((row) => [JSON.stringify(row), row] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return dice.shuffled(sorted.map(([, row]) => row));
}

export class SimulatedDatabase implements Database {
  readonly #world: DatabaseWorld;
  readonly #process: SimulatedProcess;
  readonly #transactions = new Set<OpenTransaction>();
  readonly build: Knex;

  constructor(world: DatabaseWorld, process: SimulatedProcess, build: Knex) {
    this.#world = world;
    this.#process = process;
    this.build = build;
    process.onCrash(async () => {
      for (const open of this.#transactions) {
        if (open.isBusy) open.isDoomed = true;
        else await this.#abort(open);
      }
    });
  }

  query<R extends object>(sql: string, values: readonly SqlValue[] = []): Promise<R[]> {
    const { sessions } = this.#world;
    const name = statementName(sql);
    // Asked twice a second by every worker: where nothing is ever called back there is nothing to take.
    if (name === 'take_callbacks' && this.#world.settings.callsBack.length === 0) return Promise.resolve([]);
    if (name === 'claim_tasks' && this.#process.hasRoom !== true)
      this.#world.violated('dispatched without room', this.#process.name);
    return this.#process.call<R[]>({
      channel: 'database',
      name,
      isAllowed: () => sessions.maySend(null),
      lost: () => ({ ok: false, error: reset() }),
      act: async (end) => {
        const session = sessions.take();
        return this.#statement<R>(session, session.db, sql, values, async (outcome) => {
          sessions.giveBack(session);
          if (outcome.ok) await this.#world.afterStatement(name, values, outcome.value);
          await end(outcome);
        });
      },
    });
  }

  run<R extends object>(statement: Knex.QueryBuilder): Promise<R[]> {
    const { sql, bindings } = statement.toSQL().toNative();
    return this.query<R>(sql, bindings as SqlValue[]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(work);
      } catch (error) {
        if (attempt >= TRANSACTION_TRIES || !isTransient(error)) throw error;
      }
    }
  }

  async #once<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    const open = await this.#begin();
    try {
      const result = await work(this.#queryable(open));
      await this.#commit(open);
      return result;
    } catch (error) {
      await this.#rollback(open);
      throw error;
    }
  }

  async #statement<R extends object>(
    session: Session,
    queryable: Queryable,
    sql: string,
    values: readonly SqlValue[],
    end: (outcome: Outcome<R[]>) => Promise<void>,
  ): Promise<string> {
    const { sessions, chaos, lockTimeouts, scheduler } = this.#world;
    const name = statementName(sql);
    sessions.syncClock();
    const { pauseAt, pauseMs } = sessions.isBusy ? { pauseAt: null, pauseMs: 0 } : this.#pause(name);
    if (pauseAt !== null) chaos.count(`pause inside ${name}`);
    return sessions.start<Rows>({
      session,
      queryable,
      name,
      workerId: this.#process.workerId,
      lockTimeoutMs: lockTimeouts.get(name) ?? LOCK_TIMEOUT_MS,
      pauseAt,
      pauseMs,
      work: async () => anyOrder(await queryable.query<R>(sql, values), sql, scheduler.dice),
      finish: async (outcome) => {
        if (!outcome.ok) this.#world.onError(name, outcome.error);
        await end(outcome as Outcome<R[]>);
      },
    });
  }

  /** Whether a statement stands still somewhere inside, and for how long; its worker may stand still with it. */
  #pause(name: string): { readonly pauseAt: number | null; readonly pauseMs: number } {
    const { chaos, scheduler, settings } = this.#world;
    const { standsNext } = this.#process;
    if (standsNext !== null) {
      this.#process.standsNext = null;
      return { pauseAt: standsNext.point, pauseMs: standsNext.ms };
    }
    const outlastAt = this.#process.isGone ? null : chaos.outlastPoint(name, this.#process.isMortalWorker);
    if (outlastAt === null) return { pauseAt: chaos.pausePoint(name), pauseMs: chaos.pauseMs() };
    const pauseMs = Math.floor(settings.leaseMs * (0.9 + scheduler.dice.fraction()));
    chaos.count(`stop inside ${name}`);
    this.#process.stop(pauseMs + scheduler.dice.integer(-500, 500));
    return { pauseAt: outlastAt, pauseMs };
  }

  #begin(): Promise<OpenTransaction> {
    const { sessions } = this.#world;
    return this.#process.call<OpenTransaction>({
      channel: 'database',
      name: 'BEGIN',
      isAllowed: () => sessions.maySend(null),
      diesWithProcess: true,
      lost: () => ({ ok: false, error: reset() }),
      act: async (end) => {
        const open = await openTransaction(sessions.take());
        sessions.openTransactions += 1;
        this.#transactions.add(open);
        this.#watchIdle(open);
        if (this.#process.isGone) await this.#abort(open);
        await end({ ok: true, value: open });
        return 'begun';
      },
    });
  }

  #queryable(open: OpenTransaction): Queryable {
    const query = <R extends object>(sql: string, values: readonly SqlValue[] = []): Promise<R[]> =>
      this.#inside<R[]>(open, statementName(sql), (end) =>
        this.#statement<R>(open.session, open.tx, sql, values, async (outcome) => {
          open.isBusy = false;
          if (open.isDoomed) await this.#abort(open);
          await end(outcome);
        }),
      );
    return {
      query,
      run: (statement) => {
        const { sql, bindings } = statement.toSQL().toNative();
        return query(sql, bindings as SqlValue[]);
      },
    };
  }

  /** A call on a connection that may be gone by now. */
  #inside<T>(
    open: OpenTransaction,
    name: string,
    act: (end: (outcome: Outcome<T>) => Promise<void>) => Promise<string>,
  ): Promise<T> {
    return this.#process.call<T>({
      channel: 'database',
      name,
      isAllowed: () => open.isOver || this.#world.sessions.maySend(open.session),
      diesWithProcess: true,
      lost: () => ({ ok: false, error: reset() }),
      act: async (end) => {
        if (open.isOver) {
          await end({ ok: false, error: new Error('Connection terminated unexpectedly (simulated)') });
          return 'finds its connection gone';
        }
        open.isBusy = true;
        this.#unwatchIdle(open);
        return act(async (outcome) => {
          await end(outcome);
          if (!open.isOver && !open.isBusy) this.#watchIdle(open);
        });
      },
    });
  }

  #commit(open: OpenTransaction): Promise<null> {
    return this.#inside<null>(open, 'COMMIT', async (end) => {
      open.commit();
      const outcome = await this.#over(open);
      if (!outcome.ok) this.#world.onError('COMMIT', outcome.error);
      await end(outcome);
      return (outcome.ok ? 'committed' : shown(String(outcome.error))) + (await this.#world.sessions.afterRelease());
    });
  }

  /** A dead connection rolls back by itself, and so does a live one that is told to. */
  async #rollback(open: OpenTransaction): Promise<void> {
    if (open.isOver) return;
    const { scheduler } = this.#world;
    await new Promise<void>((resolve) => {
      scheduler.add({
        name: `${this.#process.name} ROLLBACK`,
        dueMs: scheduler.nowMs,
        perform: async () => {
          const said = open.isOver || open.isBusy ? '' : await this.#abort(open);
          resolve();
          return said;
        },
      });
    });
  }

  async #abort(open: OpenTransaction): Promise<string> {
    open.abort(new Error('rolled back by the simulation'));
    await this.#over(open);
    return `rolled back${await this.#world.sessions.afterRelease()}`;
  }

  async #over(open: OpenTransaction): Promise<Outcome<null>> {
    const outcome = await open.ended;
    if (!open.isOver) {
      open.isOver = true;
      open.isBusy = false;
      this.#unwatchIdle(open);
      this.#transactions.delete(open);
      this.#world.sessions.openTransactions -= 1;
      this.#world.sessions.giveBack(open.session);
    }
    return outcome;
  }

  /** The server ends a session that holds a transaction and says nothing. */
  #watchIdle(open: OpenTransaction): void {
    const { scheduler } = this.#world;
    open.idle = scheduler.add({
      name: `${this.#process.name}'s idle transaction is ended`,
      dueMs: scheduler.nowMs + IDLE_IN_TRANSACTION_MS,
      perform: () => this.#abort(open),
    });
  }

  #unwatchIdle(open: OpenTransaction): void {
    if (open.idle !== null) this.#world.scheduler.remove(open.idle);
    open.idle = null;
  }
}
