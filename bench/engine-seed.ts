/** Work and history for our runs, put in by few set-based statements. */
import pg from 'pg';
import { accountIds, batchIds, type AccountUuid, type BatchUuid } from '@rushes/contract';
import { systemRandom } from '../packages/server/src/system/index.ts';

const PRICE = 49;
/** Enough for ten million tasks in each account. */
const GRANT = 1_000_000_000;
const PROMPT = 'a lighthouse in the fog, the camera slowly circling it, take ';

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Opens accounts with credits. Returns their ids. */
export async function seedAccounts(adminUrl: string, count: number): Promise<readonly AccountUuid[]> {
  const ids = Array.from({ length: count }, () => accountIds.newUuid(systemRandom));
  await connected(adminUrl, async (client) => {
    await client.query(
      `INSERT INTO accounts (account_id, name, plan, mode, limits, created_at)
       SELECT a, 'bench', 'enterprise', 'live', '{"max_concurrent_tasks": 1000000, "weight": 1}', rushes_now() FROM unnest($1::uuid[]) a`,
      [ids],
    );
    await client.query('SELECT open_account(a) FROM unnest($1::uuid[]) a', [ids]);
    await client.query(`SELECT issue_credits(a, 'grant', $2, 'bench', 'bench') FROM unnest($1::uuid[]) a`, [
      ids,
      GRANT,
    ]);
  });
  return ids;
}

/** Puts queued batches of `batchSize` into the accounts in turn, `tasks` in all, credits reserved. Returns their ids. */
export async function seedBatches(
  adminUrl: string,
  accountUuids: readonly AccountUuid[],
  tasks: number,
  batchSize: number,
): Promise<readonly BatchUuid[]> {
  const batches = Array.from({ length: Math.ceil(tasks / batchSize) }, (_, at) => ({
    accountUuid: accountUuids[at % accountUuids.length],
    batchUuid: batchIds.newUuid(systemRandom),
  }));
  const keys = [batches.map(({ accountUuid }) => accountUuid), batches.map(({ batchUuid }) => batchUuid)];
  const listed = 'unnest($1::uuid[], $2::uuid[]) AS b(account_id, batch_id)';
  await connected(adminUrl, async (client) => {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
       SELECT account_id, batch_id, batch_id::text, '\\x00', 'sora-2', $3, ${PRICE}, '{}', rushes_now(), rushes_now() + interval '1 day'
       FROM ${listed}`,
      [...keys, batchSize],
    );
    await client.query(
      `INSERT INTO tasks (account_id, batch_id, task_index, prompt)
       SELECT account_id, batch_id, n, '${PROMPT}' || n FROM ${listed}, generate_series(0, $3::integer - 1) n`,
      [...keys, batchSize],
    );
    await client.query(
      `INSERT INTO batch_schedule (account_id, batch_id, route, total, timeout_ms, created_at, deadline_at)
       SELECT account_id, batch_id, 'bench', $3, 600000, rushes_now(), rushes_now() + interval '1 day' FROM ${listed}`,
      [...keys, batchSize],
    );
    await client.query(`SELECT freeze_credits_for_batch(account_id, batch_id) FROM ${listed}`, keys);
    await client.query('COMMIT');
  });
  return batches.map(({ batchUuid }) => batchUuid);
}

const HISTORY_BATCH = 1_000;
const SEEDING_CONNECTIONS = 2;

/**
 * Gives accounts finished batches of 1,000 videos, `tasks` in all, with holds, ledger entries and events, as settling would
 * have left them: the ledger check finds nothing.
 */
export async function seedHistory(
  adminUrl: string,
  accountUuids: readonly AccountUuid[],
  tasks: number,
  progress: (done: number) => void,
): Promise<void> {
  const batchesEach = Math.ceil(tasks / HISTORY_BATCH / accountUuids.length);
  const waiting = [...accountUuids];
  let done = 0;
  const fill = async (client: pg.Client): Promise<void> => {
    // References are right by construction, and looking each up would double the time.
    await client.query('SET session_replication_role = replica');
    await client.query('SET synchronous_commit = off');
    const nullable = await client.query<{ is_nullable: string }>(
      `SELECT is_nullable FROM information_schema.columns WHERE table_name = 'events' AND column_name = 'data'`,
    );
    const hasTaskData = nullable.rows[0]?.is_nullable === 'NO';
    for (let accountUuid = waiting.pop(); accountUuid !== undefined; accountUuid = waiting.pop()) {
      for (const sql of historyStatements(hasTaskData)) await client.query(sql, [accountUuid, batchesEach]);
      done += batchesEach * HISTORY_BATCH;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: SEEDING_CONNECTIONS }, () => connected(adminUrl, fill)));
}

/** $1 is the account, $2 how many batches it gets. Each keeps to what the account had before: one grant. */
function historyStatements(hasTaskData: boolean): readonly string[] {
  const numbered = `
    SELECT b.*, substr(b.request_id, 9)::integer AS j, b.total * b.unit_price AS cost
    FROM batches b WHERE b.account_id = $1 AND b.request_id LIKE 'history-%' AND $2::integer > 0`;
  const size = HISTORY_BATCH;
  const taskData = hasTaskData
    ? `jsonb_build_object('custom_id', NULL, 'model', b.model, 'status', 'succeeded', 'attempts', 1, 'failure_type', NULL,
        'resolution', 'charge', 'unit_price', b.unit_price, 'video', jsonb_build_object('bytes', 16,
        'sha256', repeat('00', 32), 'content_type', 'video/mp4'))`
    : 'NULL';
  return [
    `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, status, total, succeeded, unit_price, terms,
       sample_finished, created_at, started_at, finished_at, deadline_at)
     SELECT $1, uuidv7(interval '-30 days' + j * interval '1 second'), 'history-' || j, '\\x00', 'sora-2', 'completed',
       ${size}, ${size}, ${PRICE}, '{}', ${size}, t.at, t.at, t.at, t.at + interval '7 days'
     FROM generate_series(0, $2::integer - 1) j,
       LATERAL (SELECT rushes_now() - interval '30 days' + j * interval '1 second' AS at) t`,
    `INSERT INTO tasks (account_id, batch_id, task_index, prompt, state, fence, attempt, upstream_id, submitted_at, timeout_at,
       started_at, finished_at, resolution, video_key, video_bytes, video_sha256, video_content_type)
     SELECT b.account_id, b.batch_id, n, '${PROMPT}' || n, 'succeeded', 1, 1, b.batch_id || ':' || n || ':1', b.started_at,
       b.deadline_at, b.started_at, b.finished_at, 'charge', b.account_id || '/' || b.batch_id || '/' || n || '-1.mp4', 16,
       decode(repeat('00', 32), 'hex'), 'video/mp4'
     FROM (${numbered}) b, generate_series(0, ${size} - 1) n`,
    `INSERT INTO credit_holds (account_id, batch_id, amount, charged, state)
     SELECT b.account_id, b.batch_id, b.cost, b.cost, 'closed' FROM (${numbered}) b`,
    // Entry 0 of a batch reserves, the others charge a task each.
    `INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount, available_after, reserved_after,
       spent_after, batch_id, task_index, created_at)
     SELECT b.account_id, 2 + b.j::bigint * (${size} + 1) + e,
       CASE e WHEN 0 THEN 'reserve' ELSE 'charge' END, CASE e WHEN 0 THEN 'available' ELSE 'reserved' END,
       CASE e WHEN 0 THEN 'reserved' ELSE 'spent' END, CASE e WHEN 0 THEN b.cost ELSE b.unit_price END,
       ${GRANT} - (b.j + 1) * b.cost, b.cost - e * b.unit_price, b.j * b.cost + e * b.unit_price,
       b.batch_id, nullif(e, 0) - 1, c.last_entry_at
     FROM (${numbered}) b JOIN credit_accounts c ON c.account_id = b.account_id, generate_series(0, ${size}) e`,
    // Event 0 of a batch begins it, the last ends it.
    `INSERT INTO events (account_id, seq, type, batch_id, task_index, data, created_at)
     SELECT b.account_id, 1 + b.j::bigint * (${size} + 2) + e,
       CASE e WHEN 0 THEN 'batch.processing' WHEN ${size} + 1 THEN 'batch.completed' ELSE 'task.succeeded' END,
       b.batch_id, CASE WHEN e BETWEEN 1 AND ${size} THEN e - 1 END,
       CASE WHEN e BETWEEN 1 AND ${size} THEN ${taskData} ELSE jsonb_build_object('model', b.model) END, b.finished_at
     FROM (${numbered}) b, generate_series(0, ${size} + 1) e`,
    `UPDATE credit_accounts c
     SET available = c.available - d.cost, spent = c.spent + d.cost, last_seq = c.last_seq + d.batches * (${size} + 1),
       last_event_seq = c.last_event_seq + d.batches * (${size} + 2)
     FROM (SELECT sum(b.cost)::bigint AS cost, count(*) AS batches FROM (${numbered}) b) d
     WHERE c.account_id = $1 AND d.batches > 0`,
  ];
}
