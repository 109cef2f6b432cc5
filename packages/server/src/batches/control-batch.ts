import type { Batch, CancelResult, AccountUuid, BatchUuid } from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { toBatch, type BatchRow } from './batch-view.ts';
import { findBatchRow } from './find-batches.ts';
import { batchNotFound, finalBatch } from './refusals.ts';

/**
 * Cancels every queued task of a batch; running tasks finish. Calling it again, also after the batch has ended, gives
 * the same answer. With `preview` it changes nothing and says what it would do.
 */
export async function cancelBatch(
  db: Database,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  preview: boolean,
): Promise<Outcome<CancelResult>> {
  return db.transaction(async (tx): Promise<Outcome<CancelResult>> => {
    const before = await findBatchRow(tx, accountUuid, batchUuid);
    if (before === null) return refuse(batchNotFound(batchUuid));
    if (before.cancel_requested) return accept(canceled(before));
    if (before.finished_at !== null) return refuse(finalBatch(batchUuid, before.status, 'canceled'));
    if (preview) return accept(await previewOf(tx, accountUuid, before));
    await tx.query(`SELECT close_batch($1, $2, 'canceled')`, [accountUuid, batchUuid]);
    const after = await findBatchRow(tx, accountUuid, batchUuid);
    if (after === null) throw new Error(`batch ${batchUuid} vanished`);
    // Its last task ended between our first read and the lock.
    if (!after.cancel_requested) return refuse(finalBatch(batchUuid, after.status, 'canceled'));
    return accept(canceled(after));
  });
}

/** The result of a cancel, from the present state of the batch: every canceled task was ended by it. */
function canceled(row: BatchRow): CancelResult {
  const refunded = row.terms.canceled === 'refund' ? row.canceled * row.unit_price : 0;
  return { batch: toBatch(row), refunded, still_running: row.in_flight };
}

async function previewOf(tx: Queryable, accountUuid: AccountUuid, row: BatchRow): Promise<CancelResult> {
  // By state: a task that is claimed but not sent yet would still be canceled.
  const [tasks] = await tx.query<{ queued: number; running: number }>(
    `SELECT count(*) FILTER (WHERE state = 'queued') AS queued,
       count(*) FILTER (WHERE state IN ('submitting', 'running', 'unknown')) AS running
     FROM tasks WHERE account_id = $1 AND batch_id = $2`,
    [accountUuid, row.batch_id],
  );
  const { queued, running } = tasks ?? { queued: 0, running: 0 };
  const refunded = row.terms.canceled === 'refund' ? queued * row.unit_price : 0;
  return { batch: toBatch(row), refunded, still_running: running };
}

/**
 * Pauses a batch: queued tasks are not sent until it is resumed; running tasks continue. Calling it again gives the
 * same answer.
 */
export async function pauseBatch(
  db: Database,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
): Promise<Outcome<Batch>> {
  return setPaused(db, accountUuid, batchUuid, `pause_batch($1, $2, 'requested')`, 'paused');
}

/** Resumes a paused batch, and starts counting its failure rate again. Calling it again gives the same answer. */
export async function resumeBatch(
  db: Database,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
): Promise<Outcome<Batch>> {
  return setPaused(db, accountUuid, batchUuid, 'resume_batch($1, $2)', 'resumed');
}

async function setPaused(
  db: Database,
  accountUuid: AccountUuid,
  batchUuid: BatchUuid,
  call: string,
  wish: string,
): Promise<Outcome<Batch>> {
  return db.transaction(async (tx): Promise<Outcome<Batch>> => {
    if ((await findBatchRow(tx, accountUuid, batchUuid)) === null) return refuse(batchNotFound(batchUuid));
    const [result] = await tx.query<{ answer: string }>(`SELECT ${call} AS answer`, [accountUuid, batchUuid]);
    const row = await findBatchRow(tx, accountUuid, batchUuid);
    if (row === null) throw new Error(`batch ${batchUuid} vanished`);
    if (result?.answer !== 'final') return accept(toBatch(row));
    if (row.finished_at !== null) return refuse(finalBatch(batchUuid, row.status, wish));
    return refuse({ code: 'state_conflict', detail: `The batch is being canceled and cannot be ${wish}.` });
  });
}
