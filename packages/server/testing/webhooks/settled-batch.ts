/** A batch whose tasks end by the real functions, so that its events have the shapes that the server writes. */
import type { Database } from '../../src/db/index.ts';
import { systemRandom } from '../../src/system/index.ts';

export interface SettledBatchOptions {
  readonly accountUuid: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly requestId?: string;
}

const OUTCOMES = ['succeeded', 'failed', 'failed'];
const FAILURES = [null, 'moderation_input', 'provider_error'];

/**
 * Three tasks: one succeeded, one forfeited, one refunded; started and paused before, partial in the end. Five or six
 * events. `prompt` stands in every task. As superuser, for the states that only a worker can bring about.
 */
export async function settleBatch(admin: Database, options: SettledBatchOptions): Promise<string> {
  const batchUuid = systemRandom.uuid();
  const { accountUuid } = options;
  const ids = [accountUuid, batchUuid];
  await admin.query(`SELECT issue_credits($1, 'grant', 1000, 'test', $2)`, [accountUuid, batchUuid]);
  await admin.query(
    `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, metadata, created_at, deadline_at)
     VALUES ($1, $2, $3, '\\x00', 'sora-2', 3, 49, '{"moderation_input": "forfeit"}', $4, rushes_now(), rushes_now() + interval '7 days')`,
    [...ids, options.requestId ?? batchUuid, options.metadata ?? {}],
  );
  await admin.query(
    `INSERT INTO tasks (account_id, batch_id, task_index, custom_id, prompt)
     SELECT $1, $2, i, 'item-' || i, 'a secret prompt' FROM generate_series(0, 2) i`,
    ids,
  );
  await admin.query(
    `INSERT INTO batch_schedule (account_id, batch_id, route, total, timeout_ms, created_at, deadline_at)
     VALUES ($1, $2, 'simulator', 3, 600000, rushes_now(), rushes_now() + interval '7 days')`,
    ids,
  );
  await admin.query('SELECT freeze_credits_for_batch($1, $2)', ids);
  await admin.query('SELECT start_batches(ARRAY[$1::uuid], ARRAY[$2::uuid])', ids);
  await admin.query(`SELECT pause_batch($1, $2, 'max_failure_rate')`, ids);
  await admin.query('SELECT resume_batch($1, $2)', ids);
  await admin.query(
    `UPDATE tasks SET state = 'running', fence = 1, attempt = 2, upstream_id = 'u-' || task_index,
       submitted_at = rushes_now(), timeout_at = rushes_now() + interval '10 minutes'
     WHERE account_id = $1 AND batch_id = $2`,
    ids,
  );
  const each = <T>(value: T): T[] => [value, value, value];
  await admin.query('SELECT * FROM settle_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)', [
    each(accountUuid),
    each(batchUuid),
    [0, 1, 2],
    each(1),
    OUTCOMES,
    FAILURES,
    each('upstream text with https://secret.example/link'),
    each(null),
    ['https://secret.example/video', null, null],
    [1_234, null, null],
    [new Uint8Array(32).fill(0xab), null, null],
    ['video/mp4', null, null],
  ]);
  return batchUuid;
}
