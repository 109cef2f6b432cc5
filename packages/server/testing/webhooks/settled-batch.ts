/** A batch whose tasks end by the real functions, so that its events have the shapes that the server writes. */
import { batchIds, type AccountUuid, type BatchUuid } from '@rushes/contract';
import { settleEach } from '../batches/settle-each.ts';
import type { Database } from '../../src/db/index.ts';
import { systemRandom } from '../../src/system/index.ts';

export interface SettledBatchOptions {
  readonly accountUuid: AccountUuid;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly requestId?: string;
}

const OUTCOMES = [
  { outcome: 'succeeded', failureType: null },
  { outcome: 'failed', failureType: 'moderation_input' },
  { outcome: 'failed', failureType: 'provider_error' },
] as const;
const VIDEO = {
  key: 'https://secret.example/video',
  bytes: 1_234,
  sha256: new Uint8Array(32).fill(0xab),
  contentType: 'video/mp4',
};

/**
 * Three tasks: one succeeded, one forfeited, one refunded; started and paused before, partial in the end. Five or six
 * events. `prompt` stands in every task. As superuser, for the states that only a worker can bring about.
 */
export async function settleBatch(admin: Database, options: SettledBatchOptions): Promise<BatchUuid> {
  const batchUuid = batchIds.newUuid(systemRandom);
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
  await settleEach(
    admin,
    OUTCOMES.map(({ outcome, failureType }, index) => ({
      accountUuid,
      batchUuid,
      index,
      fence: 1,
      outcome,
      failureType,
      failureDetail: 'upstream text with https://secret.example/link',
      upstreamId: null,
      video: outcome === 'succeeded' ? VIDEO : null,
    })),
  );
  return batchUuid;
}
