import knex, { type Knex } from 'knex';
import pg from 'pg';
import { arrayText, type ArrayElement } from './array-text.ts';
import { isAnswerMissing, isTransient } from './errors.ts';

/** Values as node-postgres takes them: an array becomes a PostgreSQL array, an object json. */
export type SqlValue =
  string | number | boolean | null | Date | Uint8Array | readonly ArrayElement[] | Readonly<Record<string, unknown>>;

export type Row = Record<string, unknown>;

/** Something statements can be sent to: the pool, or one transaction. */
export interface Queryable {
  /** Runs one statement with `$1`-style parameters and returns its rows. */
  query<R extends object = Row>(sql: string, values?: readonly SqlValue[]): Promise<R[]>;
  /** Runs a statement that Knex built. */
  run<R extends object = Row>(statement: Knex.QueryBuilder): Promise<R[]>;
}

export interface Database extends Queryable {
  /** Builds statements; it has no connection of its own. */
  readonly build: Knex;
  /**
   * Runs `work` in one READ COMMITTED transaction. Deadlocks and serialization failures are tried again, since nothing
   * of them was committed; `work` may therefore run more than once and must not act on the outside world.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly maxConnections: number;
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onConnectionError: (error: Error) => void;
  /** How long a statement waits for its answer before its connection is given up; longer than any statement may run. */
  readonly answerTimeoutMs?: number;
}

const LOCK_TIMEOUT_MS = 15_000;
/** A process that is stopped in the middle of a transaction keeps an account's lock no longer than this. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 120_000;
/** The server ends a statement before; no word until then means that it, or the way to it, has gone without a reset. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
const FIRST_KEEP_ALIVE_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
const TRANSACTION_TRIES = 5;

const INT8_OID = 20;
const NUMERIC_OID = 1700;

/** A bigint column as a number; past 2^53 - 1 an error, never a rounding. */
function parseSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is not a safe integer`);
  return value;
}

/** Its own type names the oids of built-in types only; any oid is fine. */
const defaultTypeParser = pg.types.getTypeParser as (
  oid: number,
  format?: 'text' | 'binary',
) => (text: string) => unknown;

const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    if ((oid === INT8_OID || oid === NUMERIC_OID) && format !== 'binary') return parseSafeInteger;
    return defaultTypeParser(oid, format);
  },
};

function toPg(value: SqlValue): unknown {
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return arrayText(value as readonly ArrayElement[]);
  return value;
}

function queryable(build: Knex, client: pg.Pool | pg.PoolClient): Queryable {
  const query = async <R extends object>(sql: string, values: readonly SqlValue[] = []): Promise<R[]> => {
    const result = await client.query<R>(sql, values.map(toPg));
    return result.rows;
  };
  return {
    query,
    run(statement) {
      const { sql, bindings } = statement.toSQL().toNative();
      return query(sql, bindings as SqlValue[]);
    },
  };
}

/** Returns the error that shows the connection to be of no more use. */
async function rollback(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A connection pool with the limits that keep one stopped or slow process from holding up the others. */
export function openDatabase(options: DatabaseOptions): Database {
  const build = knex({ client: 'pg' });
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: FIRST_KEEP_ALIVE_MS,
    types,
  });
  let closing = false;
  pool.on('error', (error) => {
    // Connections that are being closed may end in any way they like.
    if (!closing) options.onConnectionError(error);
  });

  const once = async <T>(work: (tx: Queryable) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    // Without a listener, a connection that breaks between two statements would end the process.
    const ignore = (): void => undefined;
    client.on('error', ignore);
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(queryable(build, client));
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT')
        throw new Error('a statement of this transaction failed and was ignored: it was rolled back');
      return result;
    } catch (error) {
      broken = isAnswerMissing(error) ? error : await rollback(client);
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(broken);
    }
  };

  return {
    build,
    ...queryable(build, pool),
    async transaction(work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once(work);
        } catch (error) {
          if (attempt >= TRANSACTION_TRIES || !isTransient(error)) throw error;
        }
      }
    },
    async close() {
      closing = true;
      await pool.end();
      await build.destroy();
    },
  };
}
