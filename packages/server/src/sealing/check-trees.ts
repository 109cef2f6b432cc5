/** Recomputes every tree from its entries and compares it with every checkpoint that was ever signed. */
import { accountIds, type AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { LedgerViolation } from '../ledger/index.ts';
import { openLogReading, type LoggedCheckpoint, type LogReading } from './checkpoint-lines.ts';
import { hasKeyRing, readKeyRing } from './key-ring.ts';
import { parseVerifierKey, type VerifierKey } from './note.ts';
import { publishedKeys } from './published.ts';
import { TreeCheck, type CheckKeys } from './tree-check.ts';

interface CheckedTree {
  readonly accountUuid: AccountUuid;
  readonly epoch: number;
}

/** Accounts with entries: a first checkpoint may be in the log and its tree not in the database yet. */
async function treesToCheck(db: Queryable, only: AccountUuid | null): Promise<readonly CheckedTree[]> {
  return db.query<CheckedTree>(
    `SELECT c.account_id AS "accountUuid", coalesce(t.epoch, 1) AS epoch
     FROM credit_accounts c LEFT JOIN ledger_trees t ON t.account_id = c.account_id AND t.closed_at IS NULL
     WHERE $1::uuid IS NULL OR c.account_id = $1 ORDER BY c.account_id`,
    [only],
  );
}

interface Evidence extends CheckKeys {
  /** Null when the log is not ours. */
  readonly log: LogReading | null;
}

/** The log and keys of the directory, or the database's own when this database is sealed from another directory. */
async function gatherEvidence(db: Queryable, keysDirectory: string | null): Promise<Evidence> {
  const knownKeys = async (): Promise<readonly VerifierKey[]> =>
    (await publishedKeys(db)).map(({ key }) => parseVerifierKey(key)).filter((key) => key !== null);
  const known = await knownKeys();
  if (keysDirectory === null || !hasKeyRing(keysDirectory)) return { log: null, keys: known, presentKeys: knownKeys };
  const { keys } = readKeyRing(keysDirectory);
  const isOurs = known.length === 0 || known.some(({ id }) => keys.some((key) => key.id === id));
  if (!isOurs) return { log: null, keys: known, presentKeys: knownKeys };
  return {
    log: await openLogReading(keysDirectory),
    keys,
    presentKeys: () => Promise.resolve(readKeyRing(keysDirectory).keys),
  };
}

/** Lines that are compared together: enough that an account's entries are read in large pieces. */
const LINES_PER_STEP = 50_000;

async function* inSteps(
  log: LogReading,
  accountId: string | null,
  linesPerStep: number,
): AsyncGenerator<LoggedCheckpoint[], void, undefined> {
  let step: LoggedCheckpoint[] = [];
  for await (const page of log.pages(accountId, 'all')) {
    step = step.concat(page);
    for (; step.length >= linesPerStep; step = step.slice(linesPerStep)) yield step.slice(0, linesPerStep);
  }
  if (step.length > 0) yield step;
}

/**
 * Every disagreement between the ledger of one account, or of all of them, and what was signed about it. With the directory
 * of keys and log, every line of the log counts; without it the checkpoints in the database, by the keys in it. The
 * checkpoints of closed epochs do not count: that the entries left them is why the next epoch was opened.
 *
 * The log is read once, in its order; for each account it keeps the frontier of its tree and how far it has come, so that
 * memory grows with the number of accounts (1 KB each) and neither with entries nor with checkpoints.
 */
export async function checkTrees(
  db: Queryable,
  keysDirectory: string | null,
  only: AccountUuid | null,
  onProgress: (checkpoints: number) => void = () => undefined,
  linesPerStep = LINES_PER_STEP,
): Promise<readonly LedgerViolation[]> {
  // Its end is fixed before the trees are read, so that nothing in it is newer than they are.
  const evidence = await gatherEvidence(db, keysDirectory);
  try {
    const trees = await treesToCheck(db, only);
    const checks = new Map<string, TreeCheck>(
      trees.map((tree) => [
        accountIds.format(tree.accountUuid),
        new TreeCheck(db, tree.accountUuid, tree.epoch, evidence),
      ]),
    );
    const lost = new Map<string, number>();
    let seen = 0;
    const accountId = only === null ? null : accountIds.format(only);
    for await (const lines of evidence.log === null ? [] : inSteps(evidence.log, accountId, linesPerStep)) {
      for (const [account, own] of Map.groupBy(lines, (line) => line.accountId)) {
        const check = checks.get(account);
        if (check !== undefined) await check.logged(own);
        else if (accountId === null || accountId === account) lost.set(account, own.at(-1)?.size ?? 0);
      }
      seen += lines.length;
      onProgress(seen);
    }
    const violations: LedgerViolation[] = [];
    for (const check of checks.values()) violations.push(...(await check.finish()));
    return [...violations, ...lostAccounts(lost)];
  } finally {
    await evidence.log?.close();
  }
}

/** Accounts that were signed for and are gone. */
function lostAccounts(lost: ReadonlyMap<string, number>): readonly LedgerViolation[] {
  return [...lost].flatMap(([accountId, size]) => {
    const accountUuid = accountIds.parse(accountId);
    if (accountUuid === null) return [];
    const detail = `the log has a checkpoint of ${size} entries, the database has no such account`;
    return [{ accountUuid, rule: 'checkpoint_root', detail }];
  });
}
