/** One round of sealing: from unsealed entries to checkpoints that are in the log and then in the database. */
import { accountIds, type AccountUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { LeafHasher, readSpans, type EntryRow } from '../ledger/index.ts';
import type { Clock } from '../ports.ts';
import type { LoggedCheckpoint } from './checkpoint-lines.ts';
import { TreeBuilder, type TreeNode } from './merkle.ts';
import { signCheckpoint } from './note.ts';
import { originOf } from './origin.ts';
import type { Term } from './sealer-term.ts';
import { publish, type OpenTree, type Publication } from './trees.ts';

/** Subtrees from this level on are stored; docs/decisions/0040 says why. */
export const STORED_LEVEL = 8;

/** Why nothing is signed for an account. Never undone by itself unless its cause goes away. */
export type SealRefusal =
  /** The ledger ends before what the log says was signed: the database was restored to an earlier time. */
  | 'behind_the_log'
  /** The entries do not hash to what the log says was signed: history was rewritten, or went on after a restore. */
  | 'forked'
  /** The log lacks what the database says was published: the log was lost or restored to an earlier time. */
  | 'log_behind'
  /** The stored tree does not hash to its own root. */
  | 'tree_damaged'
  /** An entry is missing. */
  | 'gap';

export interface Refused {
  readonly accountUuid: AccountUuid;
  readonly reason: SealRefusal;
  readonly detail: string;
}

/** Whether the tree may be grown from where it stands, by what was signed for the account last. */
export function refusalOf(tree: OpenTree, head: LoggedCheckpoint | null): Refused | null {
  const refused = (reason: SealRefusal, detail: string): Refused => ({ accountUuid: tree.accountUuid, reason, detail });
  const signed = head === null ? 'nothing' : `${head.size} entries in epoch ${head.epoch} at ${head.at}`;
  const stored = `The database has ${tree.lastSeq} entries, ${tree.size} of them sealed, in epoch ${tree.epoch}`;
  if (head === null || head.epoch < tree.epoch) {
    if (tree.size === 0) return null;
    return refused('log_behind', `${stored}; but the checkpoint log says that ${signed} was signed.`);
  }
  if (head.epoch > tree.epoch || tree.lastSeq < head.size) {
    return refused('behind_the_log', `${stored}; but ${signed} were signed before.`);
  }
  if (head.size < tree.size) return refused('log_behind', `${stored}; but the checkpoint log ends at ${signed}.`);
  if (head.size === tree.size && (tree.root === null || !head.root.equals(tree.root))) {
    return refused('forked', `${stored}; but their root is not the one that was signed over ${signed}.`);
  }
  return null;
}

export interface SealContext {
  readonly db: Database;
  readonly clock: Clock;
  readonly term: Term;
  /** For tests: called at each step between which a process may die. */
  readonly atStep?: (step: 'signed' | 'logged' | 'published') => Promise<void>;
}

export interface SealResult {
  readonly sealedEntries: number;
  readonly refused: readonly Refused[];
  /** False when entries were left for the next call. */
  readonly isDone: boolean;
}

/** Entries read and hashed between two publications: 20,000 take about 0.2 s and 10 MB. */
const ENTRIES_PER_PUBLICATION = 20_000;
/** So that one account's backlog does not hold up the others'. */
const ENTRIES_PER_ACCOUNT = 10_000;

interface Growing {
  readonly tree: OpenTree;
  readonly head: LoggedCheckpoint | null;
  readonly take: number;
}

/** Seals the unsealed entries of these trees, up to a bound for each; `isDone` tells whether any were left. */
export async function sealTrees(context: SealContext, trees: readonly OpenTree[]): Promise<SealResult> {
  const refused: Refused[] = [];
  const slices: Growing[][] = [[]];
  let inSlice = 0;
  let isDone = true;
  const lastSeqOf = new Map(trees.map((tree) => [tree.accountUuid, tree.lastSeq]));
  for (const tree of trees) {
    const head = context.term.log.head(accountIds.format(tree.accountUuid));
    const why = refusalOf(tree, head);
    if (why !== null) {
      refused.push(why);
      continue;
    }
    // What is signed next has to reach past what was signed last.
    const signedAhead = head !== null && head.epoch === tree.epoch ? head.size - tree.size : 0;
    const take = Math.max(Math.min(ENTRIES_PER_ACCOUNT, tree.lastSeq - tree.size), signedAhead);
    if (inSlice > 0 && inSlice + take > ENTRIES_PER_PUBLICATION) {
      slices.push([]);
      inSlice = 0;
    }
    slices.at(-1)?.push({ tree, head, take });
    inSlice += take;
  }
  let sealedEntries = 0;
  for (const slice of slices) {
    const publications: Publication[] = [];
    for (const grown of await growAll(context, slice)) {
      if ('reason' in grown) refused.push(grown);
      else publications.push(grown);
    }
    // Only what grew can go on at once: for an account that is refused it would be a loop without rest.
    if (publications.some(({ accountUuid, size }) => size < (lastSeqOf.get(accountUuid) ?? 0))) isDone = false;
    await signAndPublish(context, publications);
    sealedEntries += publications.reduce((sum, one) => sum + one.size - one.oldSize, 0);
  }
  return { sealedEntries, refused, isDone };
}

async function growAll(context: SealContext, slice: readonly Growing[]): Promise<readonly (Publication | Refused)[]> {
  const rows = await readSpans(
    context.db,
    slice.map(({ tree, take }) => ({ accountUuid: tree.accountUuid, after: tree.size, limit: take })),
  );
  const byAccount = new Map<AccountUuid, EntryRow[]>();
  for (const row of rows) {
    const own = byAccount.get(row.account_id);
    if (own === undefined) byAccount.set(row.account_id, [row]);
    else own.push(row);
  }
  return slice.map(({ tree, head, take }) => grow(context, tree, head, byAccount.get(tree.accountUuid) ?? [], take));
}

function grow(
  context: SealContext,
  tree: OpenTree,
  head: LoggedCheckpoint | null,
  rows: readonly EntryRow[],
  take: number,
): Publication | Refused {
  const { accountUuid, epoch } = tree;
  let builder: TreeBuilder;
  try {
    builder = new TreeBuilder(tree.size, tree.frontier);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { accountUuid, reason: 'tree_damaged', detail: error.message };
  }
  if (tree.root !== null && !builder.root().equals(tree.root)) {
    return {
      accountUuid,
      reason: 'tree_damaged',
      detail: `The frontier of ${tree.size} entries is not that of its root.`,
    };
  }
  const signed = head !== null && head.epoch === epoch ? head : null;
  const hasher = new LeafHasher(accountUuid);
  const nodes: TreeNode[] = [];
  const keep = (node: TreeNode): void => {
    if (node.level >= STORED_LEVEL) nodes.push(node);
  };
  for (const row of rows) {
    if (row.seq !== builder.size + 1) break;
    builder.append(hasher.hash(row), keep);
    if (builder.size === signed?.size && !builder.root().equals(signed.root)) {
      const detail = `The first ${signed.size} entries do not hash to the root that was signed over them at ${signed.at}.`;
      return { accountUuid, reason: 'forked', detail };
    }
  }
  if (builder.size < tree.size + take) {
    return {
      accountUuid,
      reason: 'gap',
      detail: `Entry ${builder.size + 1} is missing; the ledger goes to ${tree.lastSeq}.`,
    };
  }
  const origin = tree.origin ?? originOf(context.term.ring.serverName, accountUuid, epoch);
  const { size } = builder;
  const root = builder.root();
  const checkpoint = signCheckpoint({ origin, size, root }, context.term.ring.active);
  return { accountUuid, epoch, origin, oldSize: tree.size, size, frontier: builder.frontier, root, checkpoint, nodes };
}

/** The log first: nobody may hold a checkpoint that the log does not know. */
async function signAndPublish(context: SealContext, publications: readonly Publication[]): Promise<void> {
  if (publications.length === 0) return;
  await context.atStep?.('signed');
  const at = context.clock.now().toISOString();
  const lines = publications.map((one) => ({ line: toLine(one, at), one }));
  // After a crash between log and publication the log has these very checkpoints: once is enough.
  const fresh = lines.filter(
    ({ line }) => (context.term.log.head(line.accountId)?.checkpoint ?? '') !== line.checkpoint,
  );
  if (fresh.length > 0) await context.term.log.append(fresh.map(({ line }) => line));
  await context.atStep?.('logged');
  await publish(context.db, context.term.holder, context.term.fence, publications);
  await context.atStep?.('published');
}

function toLine(one: Publication, at: string): LoggedCheckpoint {
  return {
    accountId: accountIds.format(one.accountUuid),
    epoch: one.epoch,
    size: one.size,
    root: Buffer.from(one.root),
    at,
    checkpoint: one.checkpoint,
  };
}
