/** Recomputes every tree from its entries and compares it with every checkpoint that was ever signed. */
import { formatId, parseId } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { LeafHasher, LedgerGap, readEntries, type LedgerViolation } from '../ledger/index.ts';
import { readCheckpointLog, type LoggedCheckpoint } from './checkpoint-log.ts';
import { hasKeyRing, readKeyRing } from './key-ring.ts';
import { TreeBuilder } from './merkle.ts';
import { isSignedBy, parseCheckpoint, parseVerifierKey, type VerifierKey } from './note.ts';
import { publishedKeys } from './published.ts';

/** A checkpoint that the entries have to hash to. */
interface Expectation {
  readonly size: number;
  readonly root: Buffer;
  readonly signedAt: string;
}

interface CheckedTree {
  readonly accountUuid: string;
  readonly epoch: number;
}

/** Accounts with entries: a first checkpoint may be in the log and its tree not in the database yet. */
async function treesToCheck(db: Queryable, only: string | null): Promise<readonly CheckedTree[]> {
  return db.query<CheckedTree>(
    `SELECT c.account_id AS "accountUuid", coalesce(t.epoch, 1) AS epoch
     FROM credit_accounts c LEFT JOIN ledger_trees t ON t.account_id = c.account_id AND t.closed_at IS NULL
     WHERE $1::uuid IS NULL OR c.account_id = $1 ORDER BY c.account_id`,
    [only],
  );
}

interface Evidence {
  /** Lines of the checkpoint log by account id; null when the log is not ours. */
  readonly logged: ReadonlyMap<string, readonly LoggedCheckpoint[]> | null;
  readonly keys: readonly VerifierKey[];
  presentKeys(): Promise<readonly VerifierKey[]>;
}

/** The log and keys of the directory, or the database's own when this database is sealed from another directory. */
async function gatherEvidence(db: Queryable, keysDirectory: string | null, only: string | null): Promise<Evidence> {
  const knownKeys = async (): Promise<readonly VerifierKey[]> =>
    (await publishedKeys(db)).map(({ key }) => parseVerifierKey(key)).filter((key) => key !== null);
  const known = await knownKeys();
  if (keysDirectory === null || !hasKeyRing(keysDirectory))
    return { logged: null, keys: known, presentKeys: knownKeys };
  const { keys } = readKeyRing(keysDirectory);
  const isOurs = known.length === 0 || known.some(({ id }) => keys.some((key) => key.id === id));
  if (!isOurs) return { logged: null, keys: known, presentKeys: knownKeys };
  return {
    logged: await readLog(keysDirectory, only),
    keys,
    presentKeys: () => Promise.resolve(readKeyRing(keysDirectory).keys),
  };
}

async function publishedExpectations(
  db: Queryable,
  { accountUuid, epoch }: CheckedTree,
  evidence: Evidence,
): Promise<{ readonly good: Expectation[]; readonly bad: string[] }> {
  const rows = await db.query<{ checkpoint: string; created_at: Date }>(
    'SELECT checkpoint, created_at FROM ledger_checkpoints WHERE account_id = $1 AND epoch = $2 ORDER BY size',
    [accountUuid, epoch],
  );
  const isGood = (checkpoint: string, keys: readonly VerifierKey[]): boolean =>
    parseCheckpoint(checkpoint) !== null && isSignedBy(checkpoint, keys);
  // A key may have been rotated in since the check began. It is in the ring before it signs, so the checkpoints, read first,
  // are judged again by the keys as they are now.
  const keys = rows.every(({ checkpoint }) => isGood(checkpoint, evidence.keys))
    ? evidence.keys
    : await evidence.presentKeys();
  const good: Expectation[] = [];
  const bad: string[] = [];
  for (const { checkpoint, created_at } of rows) {
    const content = parseCheckpoint(checkpoint);
    if (content === null || !isGood(checkpoint, keys))
      bad.push(`the checkpoint published at ${created_at.toISOString()}`);
    else good.push({ size: content.size, root: content.root, signedAt: created_at.toISOString() });
  }
  return { good, bad };
}

/**
 * Every disagreement between the ledger of one account, or of all of them, and what was signed about it. With the directory
 * of keys and log, every line of the log counts; without it the checkpoints in the database, by the keys in it. The
 * checkpoints of closed epochs do not count: that the entries left them is why the next epoch was opened.
 */
export async function checkTrees(
  db: Queryable,
  keysDirectory: string | null,
  only: string | null,
): Promise<readonly LedgerViolation[]> {
  // Before the trees, so that nothing in it is newer than they are.
  const evidence = await gatherEvidence(db, keysDirectory, only);
  const { logged } = evidence;
  const trees = await treesToCheck(db, only);
  const violations: LedgerViolation[] = [];
  for (const tree of trees) {
    const report = (rule: string, detail: string): void => {
      violations.push({ accountUuid: tree.accountUuid, rule, detail });
    };
    const own = logged?.get(formatId('acct', tree.accountUuid)) ?? [];
    const published = await publishedExpectations(db, tree, evidence);
    for (const what of published.bad) report('checkpoint_signature', `${what} is not signed by a key of this server`);
    const fromLog = own
      .filter((line) => line.epoch === tree.epoch)
      .map((line): Expectation => ({ size: line.size, root: line.root, signedAt: line.at }));
    const later = own.find((line) => line.epoch > tree.epoch);
    if (later !== undefined)
      report('checkpoint_epoch', `the log has epoch ${later.epoch}, the database epoch ${tree.epoch}`);
    const expectations = [...fromLog, ...published.good].sort((a, b) => a.size - b.size);
    const disagreement = await firstDisagreement(db, tree, expectations);
    if (disagreement !== null) report('checkpoint_root', disagreement);
  }
  return [...violations, ...lostAccounts(logged, new Set(trees.map((tree) => tree.accountUuid)), only)];
}

/** Accounts that were signed for and are gone. */
function lostAccounts(
  logged: ReadonlyMap<string, readonly LoggedCheckpoint[]> | null,
  present: ReadonlySet<string>,
  only: string | null,
): readonly LedgerViolation[] {
  return [...(logged?.keys() ?? [])].flatMap((accountId) => {
    const accountUuid = parseId('acct', accountId);
    if (accountUuid === null || present.has(accountUuid) || (only !== null && only !== accountUuid)) return [];
    const last = logged?.get(accountId)?.at(-1);
    const detail = `the log has a checkpoint of ${last?.size ?? 0} entries, the database has no such account`;
    return [{ accountUuid, rule: 'checkpoint_root', detail }];
  });
}

async function readLog(
  directory: string,
  only: string | null,
): Promise<ReadonlyMap<string, readonly LoggedCheckpoint[]>> {
  const wanted = only === null ? null : formatId('acct', only);
  const lines = new Map<string, LoggedCheckpoint[]>();
  for await (const line of readCheckpointLog(directory)) {
    if (wanted !== null && line.accountId !== wanted) continue;
    const own = lines.get(line.accountId);
    if (own === undefined) lines.set(line.accountId, [line]);
    else own.push(line);
  }
  return lines;
}

/** Null when the entries hash to every checkpoint; else the range in which the first difference lies. */
async function firstDisagreement(
  db: Queryable,
  { accountUuid }: CheckedTree,
  expectations: readonly Expectation[],
): Promise<string | null> {
  const furthest = expectations.at(-1);
  if (furthest === undefined) return null;
  const builder = new TreeBuilder();
  const hasher = new LeafHasher(accountUuid);
  let agreed = 0;
  let next = 0;
  const between = (expected: Expectation): string =>
    `entries ${agreed + 1} to ${expected.size} are not those that the checkpoint over ${expected.size} was signed for at ${expected.signedAt}`;
  try {
    for await (const page of readEntries(db, accountUuid, 1, furthest.size)) {
      for (const row of page) {
        builder.append(hasher.hash(row));
        let root: Buffer | null = null;
        for (let at = expectations[next]; at?.size === builder.size; at = expectations[next]) {
          root ??= builder.root();
          if (!root.equals(at.root)) return between(at);
          agreed = at.size;
          next += 1;
        }
      }
    }
  } catch (error) {
    if (!(error instanceof LedgerGap)) throw error;
    const missed = expectations[next] ?? furthest;
    return `${missed.size} entries were signed at ${missed.signedAt}, and ${error.message}`;
  }
  return null;
}
