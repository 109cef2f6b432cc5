/** What was published: the checkpoints, epochs and keys that customers may see. */
import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { Clock } from '../ports.ts';

/** An account's latest checkpoint. */
export interface PublishedTree {
  readonly epoch: number;
  readonly size: number;
  /** The signed note. */
  readonly checkpoint: string;
}

/** Null as long as nothing of the account was sealed in the present epoch. */
export async function latestCheckpoint(db: Queryable, accountUuid: AccountUuid): Promise<PublishedTree | null> {
  const [row] = await db.query<PublishedTree>(
    `SELECT epoch, size, checkpoint FROM ledger_trees
     WHERE account_id = $1 AND closed_at IS NULL AND checkpoint IS NOT NULL`,
    [accountUuid],
  );
  return row ?? null;
}

/** The checkpoint that was published over exactly `size` entries in the present epoch, or null. */
export async function checkpointOfSize(
  db: Queryable,
  accountUuid: AccountUuid,
  size: number,
): Promise<PublishedTree | null> {
  const [row] = await db.query<PublishedTree>(
    `SELECT c.epoch, c.size, c.checkpoint
     FROM ledger_trees t JOIN ledger_checkpoints c ON c.account_id = t.account_id AND c.epoch = t.epoch
     WHERE t.account_id = $1 AND t.closed_at IS NULL AND c.size = $2`,
    [accountUuid, size],
  );
  return row ?? null;
}

/** The end of an epoch, as exports show it. */
export interface PreviousEpoch {
  readonly epoch: number;
  readonly last_checkpoint: string;
  readonly first_checkpoint: string;
  readonly reason: string;
  readonly opened_at: string;
}

/** Every epoch that ended and was followed by a signed one, oldest first. */
export async function previousEpochs(db: Queryable, accountUuid: AccountUuid): Promise<readonly PreviousEpoch[]> {
  return db.query<PreviousEpoch>(
    `SELECT t.epoch - 1 AS epoch, t.previous_checkpoint AS last_checkpoint, c.checkpoint AS first_checkpoint,
       t.opened_reason AS reason, to_char(t.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS opened_at
     FROM ledger_trees t
     CROSS JOIN LATERAL (
       SELECT checkpoint FROM ledger_checkpoints c
       WHERE c.account_id = t.account_id AND c.epoch = t.epoch ORDER BY c.size LIMIT 1
     ) c
     WHERE t.account_id = $1 AND t.epoch > 1 ORDER BY t.epoch`,
    [accountUuid],
  );
}

export interface PublishedKey {
  /** As text: `<server name>+<key id>+<base64>`. */
  readonly key: string;
  readonly status: 'active' | 'retired';
  readonly createdAt: Date;
}

/** Every key that checkpoints were ever signed with, the oldest first. */
export async function publishedKeys(db: Queryable): Promise<readonly PublishedKey[]> {
  return db.query<PublishedKey>(
    'SELECT verifier_key AS key, status, created_at AS "createdAt" FROM ledger_keys ORDER BY created_at, key_id',
  );
}

const SEAL_LOOK_INTERVAL_MS = 50;

/**
 * Waits until every entry that there is now is sealed, so that an export right after a batch has all of it; gives up after
 * `atMostMs`, or at once when sealing is refused. What is not sealed then is simply left out.
 */
export async function awaitSeal(
  db: Queryable,
  clock: Clock,
  accountUuid: AccountUuid,
  atMostMs: number,
): Promise<void> {
  const look = async (): Promise<{ last_seq: number; size: number; refused: boolean } | undefined> => {
    const [row] = await db.query<{ last_seq: number; size: number; refused: boolean }>(
      `SELECT c.last_seq, coalesce(t.size, 0) AS size, t.refused_reason IS NOT NULL AS refused
       FROM credit_accounts c LEFT JOIN ledger_trees t ON t.account_id = c.account_id AND t.closed_at IS NULL
       WHERE c.account_id = $1`,
      [accountUuid],
    );
    return row;
  };
  const first = await look();
  const wanted = first?.last_seq ?? 0;
  const deadlineMs = clock.monotonicMs() + atMostMs;
  for (let seen = first; seen !== undefined && !seen.refused && seen.size < wanted; seen = await look()) {
    if (clock.monotonicMs() >= deadlineMs) return;
    await clock.sleep(SEAL_LOOK_INTERVAL_MS);
  }
}
