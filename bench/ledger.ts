/**
 * What the ledger costs: entries a second settled in sets, one transaction per task, and by transfer functions as a general
 * ledger in Postgres has them; sealing, its lag under load, and what it takes from the money path. A real PostgreSQL, fsync on.
 *
 *   node bench/ledger.ts [TASKS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { accountIds, batchIds, type AccountUuid, type BatchUuid } from '@rushes/contract';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { openDatabase, type Database } from '../packages/server/src/db/index.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { startSealer } from '../packages/server/src/sealing/index.ts';
import type { Sealer } from '../packages/server/src/sealing/sealer.ts';
import { createLogger, systemClock, systemRandom } from '../packages/server/src/system/index.ts';

const tasks = Number(process.argv[2] ?? 40_000);
const SET = 2_000;
/** Settles and transfers under way at once, as many as the worker has. */
const AT_ONCE = 4;
const logger = createLogger('error');

interface Batch {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
}

/** Running tasks, reserved and claimed, in batches of one set each over so many accounts. */
async function seed(admin: Database, accounts: number): Promise<readonly Batch[]> {
  const accountUuids = Array.from({ length: accounts }, () => accountIds.newUuid(systemRandom));
  for (const accountUuid of accountUuids) {
    await admin.query(
      `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
       VALUES ($1, 'bench', 'enterprise', 'live', '{"max_concurrent_tasks": 1000000, "weight": 1}', rushes_now())`,
      [accountUuid],
    );
    await admin.query('SELECT open_account($1)', [accountUuid]);
    await admin.query(`SELECT issue_credits($1, 'grant', 1000000000, 'bench', 'bench')`, [accountUuid]);
  }
  const batches: Batch[] = [];
  for (let at = 0; at * SET < tasks; at += 1) {
    const accountUuid = accountUuids[at % accounts];
    if (accountUuid === undefined) throw new Error('no account was made');
    const batch = { accountUuid, batchUuid: batchIds.newUuid(systemRandom) };
    await admin.query(
      `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
       VALUES ($1, $2::uuid, $2::text, '\\x00', 'sora-2', $3, 49, '{}', rushes_now(), rushes_now() + interval '1 day')`,
      [batch.accountUuid, batch.batchUuid, SET],
    );
    await admin.query(
      `INSERT INTO tasks (account_id, batch_id, task_index, prompt) SELECT $1, $2, i, 'a prompt' FROM generate_series(0, $3 - 1) i`,
      [batch.accountUuid, batch.batchUuid, SET],
    );
    await admin.query('SELECT freeze_credits_for_batch($1, $2)', [batch.accountUuid, batch.batchUuid]);
    await admin.query(
      `UPDATE tasks SET state = 'running', fence = 1, attempt = 1, upstream_id = 'u', submitted_at = rushes_now(),
         timeout_at = rushes_now() + interval '1 day' WHERE account_id = $1 AND batch_id = $2`,
      [batch.accountUuid, batch.batchUuid],
    );
    batches.push(batch);
  }
  await admin.query('VACUUM ANALYZE');
  return batches;
}

async function settle(db: Database, batch: Batch, from: number, count: number): Promise<void> {
  const indexes = Array.from({ length: count }, (_, at) => from + at);
  const fill = <T extends string | number | null>(value: T): T[] => indexes.map(() => value);
  // Every tenth fails and is refunded.
  const good = indexes.map((index) => index % 10 !== 0);
  await db.query(
    `SELECT count(*) FROM settle_tasks(ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[1::bigint], $3::int[], $4::int[], $5::text[],
       $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bytea[], $12::text[])`,
    [
      batch.accountUuid,
      batch.batchUuid,
      fill(1),
      indexes,
      good.map((yes) => (yes ? 'succeeded' : 'failed')),
      good.map((yes) => (yes ? null : 'provider_error')),
      fill(null),
      fill('u'),
      good.map((yes) => (yes ? 'k' : null)),
      good.map((yes) => (yes ? 1 : null)),
      good.map((yes) => (yes ? Buffer.alloc(32) : null)),
      good.map((yes) => (yes ? 'video/mp4' : null)),
    ],
  );
}

/** Runs the jobs, so many at once; entries a second. */
async function rate(entries: number, jobs: readonly (() => Promise<void>)[], atOnce = AT_ONCE): Promise<number> {
  const began = performance.now();
  const left = [...jobs];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let job = left.shift(); job !== undefined; job = left.shift()) await job();
    }),
  );
  return Math.round(entries / ((performance.now() - began) / 1_000));
}

/** A general ledger by functions: accounts with balances, a transfer with two entries per call, as such libraries have it. */
const TRANSFERS = `
CREATE TABLE bench_accounts (id uuid PRIMARY KEY, balance bigint NOT NULL, version bigint NOT NULL);
CREATE TABLE bench_transfers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), from_id uuid NOT NULL, to_id uuid NOT NULL,
  amount bigint NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE bench_entries (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), account_id uuid NOT NULL REFERENCES bench_accounts,
  transfer_id uuid NOT NULL REFERENCES bench_transfers, amount bigint NOT NULL, previous_balance bigint NOT NULL,
  balance bigint NOT NULL, version bigint NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX ON bench_entries (account_id);
CREATE FUNCTION bench_transfer(p_from uuid, p_to uuid, p_amount bigint) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE v_id uuid; v_account bench_accounts; v_now timestamptz := now();
BEGIN
  PERFORM 1 FROM bench_accounts WHERE id IN (p_from, p_to) ORDER BY id FOR UPDATE;
  INSERT INTO bench_transfers (from_id, to_id, amount, created_at) VALUES (p_from, p_to, p_amount, v_now) RETURNING id INTO v_id;
  UPDATE bench_accounts SET balance = balance - p_amount, version = version + 1 WHERE id = p_from RETURNING * INTO v_account;
  INSERT INTO bench_entries (account_id, transfer_id, amount, previous_balance, balance, version, created_at)
  VALUES (p_from, v_id, -p_amount, v_account.balance + p_amount, v_account.balance, v_account.version, v_now);
  UPDATE bench_accounts SET balance = balance + p_amount, version = version + 1 WHERE id = p_to RETURNING * INTO v_account;
  INSERT INTO bench_entries (account_id, transfer_id, amount, previous_balance, balance, version, created_at)
  VALUES (p_to, v_id, p_amount, v_account.balance - p_amount, v_account.balance, v_account.version, v_now);
  RETURN v_id;
END $$;`;

async function transferRates(admin: Database): Promise<{ alone: number; sets: number }> {
  await admin.query(TRANSFERS);
  const [from, to] = [systemRandom.uuid(), systemRandom.uuid()];
  await admin.query('INSERT INTO bench_accounts VALUES ($1, 1000000000, 0), ($2, 0, 0)', [from, to]);
  const alone = await rate(
    1_000,
    Array.from({ length: 1_000 }, () => async () => {
      await admin.query('SELECT bench_transfer($1, $2, 49)', [from, to]);
    }),
  );
  const sets = await rate(
    10 * SET,
    Array.from({ length: 10 }, () => async () => {
      await admin.query('SELECT count(bench_transfer($1, $2, 49)) FROM generate_series(1, $3)', [from, to, SET]);
    }),
    1,
  );
  return { alone, sets };
}

/** Milliseconds until the sealer has caught up, and the largest lag seen on the way there. */
async function watchLag(db: Database, until: Promise<unknown>): Promise<{ worstLagMs: number }> {
  let isOver = false;
  void until.finally(() => (isOver = true));
  let worstLagMs = 0;
  while (!isOver) {
    const [row] = await db.query<{ lag: number | null }>(
      `SELECT max(extract(epoch FROM rushes_now() - e.created_at) * 1000)::float8 AS lag
       FROM credit_accounts c JOIN ledger_trees t ON t.account_id = c.account_id AND t.closed_at IS NULL
       JOIN credit_ledger e ON e.account_id = c.account_id AND e.seq = t.size + 1 WHERE t.size > 0`,
    );
    worstLagMs = Math.max(worstLagMs, row?.lag ?? 0);
    await systemClock.sleep(20);
  }
  return { worstLagMs: Math.round(worstLagMs) };
}

async function sealed(db: Database): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ left: number }>(
      `SELECT coalesce(sum(c.last_seq - coalesce(t.size, 0)), 0) AS left FROM credit_accounts c
       LEFT JOIN ledger_trees t ON t.account_id = c.account_id AND t.closed_at IS NULL`,
    );
    if (row?.left === 0) return;
    await systemClock.sleep(10);
  }
}

const directory = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
const postgres = await openEmbeddedPostgres({ dataDir: directory, logger });
const open = (url: string): Database =>
  openDatabase({ url, applicationName: 'bench', maxConnections: 16, onConnectionError: () => undefined });
try {
  await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
  const [db, admin] = [open(postgres.appUrl), open(postgres.adminUrl)];
  const sealer = (): Sealer =>
    startSealer({
      db,
      clock: systemClock,
      random: systemRandom,
      logger,
      keysDirectory: path.join(directory, 'ledger-keys'),
      serverName: 'bench.test',
    });
  console.log(
    `${cpus().length} cores, ${cpus()[0]?.model ?? ''}; node ${process.version}; ${tasks} tasks a run, sets of ${SET}`,
  );

  const single = (await seed(admin, 1))[0];
  if (single === undefined) throw new Error('nothing to settle');
  const one = await rate(
    1_000,
    Array.from({ length: 1_000 }, (_, at) => () => settle(db, single, at, 1)),
  );
  console.log(`one transaction per task, one account:   ${one} entries/s`);
  const transfers = await transferRates(admin);
  console.log(`transfer function, one call each:        ${transfers.alone} transfers/s`);
  console.log(`transfer function, ${SET} calls a statement: ${transfers.sets} transfers/s`);

  const money = async (accounts: number): Promise<number> => {
    const batches = await seed(admin, accounts);
    return rate(
      tasks,
      batches.map((batch) => () => settle(db, batch, 0, SET)),
    );
  };
  await money(1);
  console.log(`sets, one account:                       ${await money(1)} entries/s`);
  console.log(`sets, 64 accounts:                       ${await money(64)} entries/s`);

  const [before] = await db.query<{ entries: number }>('SELECT sum(last_seq) AS entries FROM credit_accounts');
  const began = performance.now();
  let running = sealer();
  await sealed(db);
  const entries = before?.entries ?? 0;
  console.log(
    `sealing a backlog of ${entries}:          ${Math.round(entries / ((performance.now() - began) / 1_000))} entries/s`,
  );
  await running.stop();

  for (const accounts of [1, 64]) {
    const rates = { without: [] as number[], with: [] as number[] };
    let worst = 0;
    for (let n = 0; n < 4; n += 1) {
      rates.without.push(await money(accounts));
      running = sealer();
      await sealed(db);
      const work = money(accounts);
      const [{ worstLagMs }, withSealer] = await Promise.all([watchLag(db, work), work]);
      worst = Math.max(worst, worstLagMs);
      rates.with.push(withSealer);
      await sealed(db);
      await running.stop();
    }
    const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
    const [without, within] = [median(rates.without), median(rates.with)];
    console.log(
      `${accounts} account(s): ${without} entries/s without the sealer, ${within} with it (${Math.round((1 - within / without) * 100)} % slower), worst lag ${worst} ms`,
    );
  }
  await Promise.all([db.close(), admin.close()]);
} finally {
  await postgres.close();
  rmSync(directory, { recursive: true, force: true });
}
