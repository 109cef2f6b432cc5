import { accountIds, type AccountUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { openLogReading, type LoggedCheckpoint } from './checkpoint-lines.ts';
import { LedgerKeysError, readKeyRing } from './key-ring.ts';
import { originOf } from './origin.ts';
import { latestCheckpoint } from './published.ts';
import { registerKeys } from './sealer-term.ts';
import { readOpenTrees } from './trees.ts';

export interface OpenedEpoch {
  readonly epoch: number;
  /** The last checkpoint of the epoch before: what customers may hold. */
  readonly previousCheckpoint: string;
}

/**
 * Begins a new tree for an account whose ledger has left what was signed: after a restore to an earlier time. The sealer
 * signs its first checkpoint, over all entries, and tells the customer of both by the event ledger.epoch_opened. Null when
 * nothing was ever signed for the account, so that there is nothing to leave. Throws `LedgerKeysError`.
 */
export async function openEpoch(
  db: Database,
  keysDirectory: string,
  accountUuid: AccountUuid,
  reason: string,
): Promise<OpenedEpoch | null> {
  const ring = readKeyRing(keysDirectory);
  if (!(await registerKeys(db, ring))) {
    throw new LedgerKeysError(`The checkpoints of this database are signed by a key that is not in ${keysDirectory}.`);
  }
  return db.transaction(async (tx) => {
    await tx.query(`SET LOCAL idle_in_transaction_session_timeout = ${LOG_READING_TIMEOUT_MS}`);
    // A checkpoint that is logged from now on is never published, since its tree is closed when its turn comes: the last one
    // before it is all that customers can hold.
    await tx.query('SELECT halt_ledger_sealer()');
    const head = await lastLogged(keysDirectory, accountIds.format(accountUuid));
    const [tree] = await readOpenTrees(tx, [accountUuid]);
    const published = await latestCheckpoint(tx, accountUuid);
    // After the loss of the log the database knows more.
    const isDatabaseAhead =
      published !== null &&
      (head === null || published.epoch > head.epoch || (published.epoch === head.epoch && published.size > head.size));
    const previousCheckpoint = isDatabaseAhead ? published.checkpoint : head?.checkpoint;
    if (tree === undefined || previousCheckpoint === undefined) return null;
    const epoch = Math.max(tree.epoch, head?.epoch ?? 0) + 1;
    await tx.query('SELECT open_ledger_epoch($1, $2, $3, $4, $5)', [
      accountUuid,
      epoch,
      originOf(ring.serverName, accountUuid, epoch),
      reason,
      previousCheckpoint,
    ]);
    return { epoch, previousCheckpoint };
  });
}

/** The log is read within a transaction that holds the sealer up; a segment of it takes 2 s. */
const LOG_READING_TIMEOUT_MS = 60_000;

async function lastLogged(keysDirectory: string, accountId: string): Promise<LoggedCheckpoint | null> {
  const log = await openLogReading(keysDirectory);
  try {
    let head: LoggedCheckpoint | null = null;
    // The active file begins with the last line of every account before it.
    for await (const page of log.pages(accountId, 'active')) {
      for (const line of page) {
        if (line.accountId !== accountId) continue;
        const isFurther =
          head === null || line.epoch > head.epoch || (line.epoch === head.epoch && line.size >= head.size);
        if (isFurther) head = line;
      }
    }
    return head;
  } finally {
    await log.close();
  }
}
