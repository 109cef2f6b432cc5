import type { Batch, BatchUuid } from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import { freezeCreditsForBatch } from '../ledger/index.ts';
import { accept, refuse, type Outcome, type Refusal } from '../outcome/index.ts';
import { toBatch } from './batch-view.ts';
import { findBatchRow } from './find-batches.ts';
import { insertBatch, insertSchedule, insertTasks, tasksDocument, type NewBatch } from './insert-batch.ts';
import {
  endpointRefusal,
  insufficientRefusal,
  priceRefusal,
  readAccountCheck,
  reservationRefusal,
  retiredRefusal,
  spendLimitRefusal,
  totalPrice,
  type BatchCaller,
  type AccountCheck,
} from './account-check.ts';
import type { Submission } from './submission/index.ts';

export interface CreatedBatch {
  readonly batch: Batch;
  /** True when the request_id had created this batch before. */
  readonly replayed: boolean;
}

/** Rolls back the transaction and carries the answer for the customer. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

/**
 * Creates a batch and reserves its credits in one transaction, or does nothing. The same request again gives the same
 * batch, also at the same moment or after a lost answer. A refused request does not use up its request_id.
 */
export async function createBatch(
  db: Database,
  caller: BatchCaller,
  submission: Submission,
  batch: NewBatch,
): Promise<Outcome<CreatedBatch>> {
  if (submission.requestId === null) throw new Error('a batch is created under a request_id');
  const tasks = tasksDocument(submission);
  try {
    return await db.transaction(async (tx) => {
      const account = await readAccountCheck(tx, caller, submission);
      const replay = await replayOf(tx, caller, submission, account);
      if (replay !== null) return replay;
      const refusal = refusalOf(submission, account);
      if (refusal !== null) return refuse(refusal);
      if (!(await insertBatch(tx, caller, submission, batch))) {
        const twin = await replayOf(tx, caller, submission, await readAccountCheck(tx, caller, submission));
        if (twin === null) throw new Error('a batch that its request_id conflicts with cannot be seen');
        return twin;
      }
      await insertTasks(tx, caller.accountUuid, batch.batchUuid, tasks);
      await insertSchedule(tx, caller.accountUuid, batch);
      await reserve(tx, caller, submission, batch.batchUuid);
      return accept({ batch: await view(tx, caller, batch.batchUuid), replayed: false });
    });
  } catch (error) {
    if (error instanceof Refused) return refuse(error.refusal);
    throw error;
  }
}

async function replayOf(
  tx: Queryable,
  caller: BatchCaller,
  submission: Submission,
  account: AccountCheck,
): Promise<Outcome<CreatedBatch> | null> {
  if (account.batch_id === null || account.request_hash === null) return null;
  if (!Buffer.from(account.request_hash).equals(submission.requestHash)) {
    return refuse({
      code: 'request_id_conflict',
      param: 'request_id',
      detail:
        'This request_id already created another batch. To get that batch, send the first request unchanged.  ' +
        'To create this batch, use a new request_id.',
    });
  }
  return accept({ batch: await view(tx, caller, account.batch_id), replayed: true });
}

/** The checks, in the order that the API promises (docs/api.md). */
function refusalOf(submission: Submission, account: AccountCheck): Refusal | null {
  const required = totalPrice(submission);
  return (
    endpointRefusal(submission, account) ??
    retiredRefusal(submission.model) ??
    priceRefusal(submission) ??
    spendLimitRefusal(submission) ??
    reservationRefusal(account) ??
    (account.available < required ? insufficientRefusal(required, account.available) : null)
  );
}

/** Checks again what may have changed. From the reservation on, this transaction has the lock of the account's row. */
async function reserve(
  tx: Queryable,
  caller: BatchCaller,
  submission: Submission,
  batchUuid: BatchUuid,
): Promise<void> {
  const answer = await freezeCreditsForBatch(tx, caller.accountUuid, batchUuid);
  const account = await readAccountCheck(tx, caller, submission);
  const blocked = reservationRefusal(account);
  if (blocked !== null) throw new Refused(blocked);
  if (answer === 'insufficient') {
    throw new Refused(insufficientRefusal(totalPrice(submission), account.available));
  }
}

async function view(tx: Queryable, caller: BatchCaller, batchUuid: BatchUuid): Promise<Batch> {
  const row = await findBatchRow(tx, caller.accountUuid, batchUuid);
  if (row === null) throw new Error(`batch ${batchUuid} vanished`);
  return toBatch(row);
}
