import { formatId } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { readCheckpointLog, type LoggedCheckpoint } from './checkpoint-log.ts';
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
  accountUuid: string,
  reason: string,
): Promise<OpenedEpoch | null> {
  const ring = readKeyRing(keysDirectory);
  if (!(await registerKeys(db, ring))) {
    throw new LedgerKeysError(`The checkpoints of this database are signed by a key that is not in ${keysDirectory}.`);
  }
  const accountId = formatId('acct', accountUuid);
  let head: LoggedCheckpoint | null = null;
  for await (const line of readCheckpointLog(keysDirectory)) {
    if (line.accountId !== accountId) continue;
    if (head === null || line.epoch > head.epoch || (line.epoch === head.epoch && line.size >= head.size)) head = line;
  }
  const [tree] = await readOpenTrees(db, [accountUuid]);
  const published = await latestCheckpoint(db, accountUuid);
  // After the loss of the log the database knows more.
  const isDatabaseAhead =
    published !== null &&
    (head === null || published.epoch > head.epoch || (published.epoch === head.epoch && published.size > head.size));
  const previousCheckpoint = isDatabaseAhead ? published.checkpoint : head?.checkpoint;
  if (tree === undefined || previousCheckpoint === undefined) return null;
  const epoch = Math.max(tree.epoch, head?.epoch ?? 0) + 1;
  await db.query('SELECT open_ledger_epoch($1, $2, $3, $4, $5)', [
    accountUuid,
    epoch,
    originOf(ring.serverName, accountUuid, epoch),
    reason,
    previousCheckpoint,
  ]);
  return { epoch, previousCheckpoint };
}
