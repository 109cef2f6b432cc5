/** What a database needs to be simulated in: a clock that is set, and points inside statements where they can be stopped. */
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Database } from '../../server/src/db/index.ts';
import { SESSION_NAME, TRUTHS } from './truths.ts';

/** First key of the advisory locks behind which statements pause; the second is the session's number. */
export const GATE = 771;

/** Virtual time 0. */
export const EPOCH = new Date('2026-11-20T00:00:00Z');

const PAUSE_POINTS = [
  'tasks',
  'task_leases',
  'task_retries',
  'credit_ledger',
  'credit_accounts',
  'credit_holds',
  'batch_schedule',
  'batches',
  'events',
];

const NOBODY = '-';
const UUID_LENGTH = 36;

/**
 * The clock is a file, read at each call: setting it costs a write of a few bytes, where a table or a sequence costs a
 * statement of its own for nearly every statement of the history. So is the name of the worker that uses a session.
 */
const clockAndGate = (clockFile: string, workerFiles: string): string => /* sql */ `
CREATE FUNCTION simulation_clock_ms() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog
AS $$ SELECT pg_read_file('${clockFile}')::bigint $$;

-- The worker whose statement this is; null for whoever is none.
CREATE FUNCTION simulation_worker() RETURNS uuid LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog
AS $$
  SELECT nullif(trim(pg_read_file('${workerFiles}' || substr(current_setting('application_name'), ${SESSION_NAME.length + 1}))), '${NOBODY}')::uuid
$$;

CREATE FUNCTION simulation_pause() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_left integer := nullif(current_setting('simulation.pause', true), '')::integer;
  v_session integer;
BEGIN
  IF v_left > 1 THEN
    PERFORM set_config('simulation.pause', (v_left - 1)::text, false);
  ELSIF v_left = 1 THEN
    PERFORM set_config('simulation.pause', '', false);
    v_session := current_setting('simulation.session')::integer;
    PERFORM pg_advisory_lock_shared(${GATE}, v_session);
    PERFORM pg_advisory_unlock_shared(${GATE}, v_session);
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION rushes_now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF current_setting('simulation.pause', true) <> '' THEN
    PERFORM public.simulation_pause();
  END IF;
  RETURN timestamptz '${EPOCH.toISOString()}' + public.simulation_clock_ms() * interval '1 millisecond';
END
$$;

-- What the clock says, without a point to stop at.
CREATE FUNCTION simulation_now() RETURNS timestamptz LANGUAGE sql VOLATILE
AS $$ SELECT timestamptz '${EPOCH.toISOString()}' + public.simulation_clock_ms() * interval '1 millisecond' $$;

-- In the select list of a statement that locks rows: it is computed for a row before that row is locked, and when the rows
-- before it are. So with 2 a statement stands between its first and its second lock.
CREATE FUNCTION simulation_pause_at_lock() RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF current_setting('simulation.pause', true) <> '' THEN
    PERFORM public.simulation_pause();
  END IF;
  RETURN 1;
END
$$;

CREATE FUNCTION simulation_pause_at_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM public.simulation_pause();
  RETURN coalesce(NEW, OLD);
END
$$;

-- Accounts whose ledger refuses every outcome, as one would whose rows are damaged.
CREATE TABLE simulation_poison (account_id uuid PRIMARY KEY);
GRANT SELECT ON simulation_poison TO PUBLIC;
CREATE FUNCTION simulation_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.simulation_poison WHERE account_id = NEW.account_id) THEN
    RAISE EXCEPTION 'simulated poison' USING ERRCODE = 'data_corrupted';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER simulation_poison BEFORE INSERT ON credit_ledger FOR EACH ROW
  WHEN (NEW.task_index IS NOT NULL) EXECUTE FUNCTION simulation_poison();
`;

/** Milliseconds that a function lets its statement wait for a lock, by the function's name. */
export type LockTimeouts = ReadonlyMap<string, number>;

/** What `rushes_now()` reads. */
export interface SettableClock {
  /** Milliseconds of virtual time. */
  set(ms: number): void;
  /** Says whose statements a session runs from now on. */
  setWorker(session: number, workerId: string | null): void;
  remove(): void;
}

function openClock(): SettableClock & { readonly file: string; readonly workerFiles: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'rushes-simulation-clock-'));
  // PostgreSQL may run as another user.
  chmodSync(folder, 0o755);
  const file = path.join(folder, 'now');
  const workerFiles = path.join(folder, 'worker-');
  const descriptor = openSync(file, 'w', 0o644);
  const workers = new Map<number, number>();
  const set = (ms: number): void => {
    // Of one width, so that nothing of the last time is left behind it.
    writeSync(descriptor, String(ms).padStart(20), 0);
  };
  set(0);
  return {
    file,
    workerFiles,
    set,
    setWorker(session, workerId) {
      const open = workers.get(session) ?? openSync(`${workerFiles}${session}`, 'w', 0o644);
      workers.set(session, open);
      writeSync(open, (workerId ?? NOBODY).padEnd(UUID_LENGTH), 0);
    },
    remove: () => {
      for (const open of [descriptor, ...workers.values()]) closeSync(open);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a freshly migrated database on this machine simulable, once. `admin` is a superuser. */
export async function prepareDatabase(
  admin: Database,
): Promise<{ readonly lockTimeouts: LockTimeouts; readonly clock: SettableClock }> {
  const clock = openClock();
  await admin.query(clockAndGate(clock.file, clock.workerFiles));
  await admin.query(TRUTHS);
  for (const table of PAUSE_POINTS) {
    await admin.query(
      `CREATE TRIGGER simulation_pause BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW
       WHEN (current_setting('simulation.pause', true) <> '') EXECUTE FUNCTION simulation_pause_at_row()`,
    );
  }
  const [database] = await admin.query<{ name: string }>('SELECT current_database() AS name');
  const name = database?.name ?? '';
  // A deadlock is found at once, and counts as a defect: locks are taken in one order.
  await admin.query(`ALTER DATABASE ${name} SET deadlock_timeout = '20ms'`);
  // Nothing here outlives a power cut.
  await admin.query(`ALTER DATABASE ${name} SET synchronous_commit = off; SET synchronous_commit = off`);
  return { lockTimeouts: await takeLockTimeouts(admin), clock };
}

/** Lets every function that locks rows one after the other stop between two of them. What it locks stays the same. */
export async function pauseAtLocks(admin: Database): Promise<void> {
  const rows = await admin.query<{ definition: string }>(
    `SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
       AND p.prosrc ~ 'PERFORM 1 FROM [^;]* FOR (NO KEY )?UPDATE'`,
  );
  for (const { definition } of rows) {
    await admin.query(
      definition.replace(
        /PERFORM 1 (FROM [^;]*? FOR (?:NO KEY )?UPDATE)/g,
        (_, locks: string) => `PERFORM public.simulation_pause_at_lock() ${locks}`,
      ),
    );
  }
}

/** Waiting for locks is timed by the scheduler, in virtual time; the functions' own limits are real time. */
async function takeLockTimeouts(admin: Database): Promise<LockTimeouts> {
  const rows = await admin.query<{ name: string; signature: string; ms: number }>(
    `SELECT p.proname AS name, p.oid::regprocedure::text AS signature,
       round(extract(epoch FROM split_part(c, '=', 2)::interval) * 1000)::integer AS ms
     FROM pg_proc p CROSS JOIN unnest(p.proconfig) AS c WHERE c LIKE 'lock\\_timeout=%'`,
  );
  for (const { signature } of rows) await admin.query(`ALTER FUNCTION ${signature} RESET lock_timeout`);
  return new Map(rows.map(({ name, ms }) => [name, ms]));
}

/**
 * Empties every table between two histories. DELETE instead of TRUNCATE: a truncated table has a new file, and every
 * connection plans every statement on it anew.
 */
export async function emptyDatabase(admin: Database): Promise<void> {
  const tables = await admin.query<{ name: string }>(
    `SELECT quote_ident(tablename) AS name FROM pg_tables
     WHERE schemaname = 'public' AND tablename NOT LIKE 'schema\\_%' ORDER BY 1`,
  );
  const statements = tables.map(({ name }) => `DELETE FROM ${name};`).join('\n');
  // Neither triggers that forbid it nor foreign keys apply to a replica.
  await admin.query(`SET session_replication_role = replica; ${statements} SET session_replication_role = DEFAULT`);
}
