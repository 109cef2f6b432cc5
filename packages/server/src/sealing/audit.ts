import { accountIds } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import type { CheckpointLog } from './checkpoint-log.ts';
import { pageOfTrees, readOpenTrees, type OpenTree } from './trees.ts';

const ACCOUNTS_PER_PAGE = 1_000;

/** Every tree of the database, and every account of the log that has none: a lost log and a lost tree are both noticed. */
export async function* treesToAudit(
  db: Queryable,
  log: Pick<CheckpointLog, 'heads'>,
): AsyncGenerator<OpenTree, void, undefined> {
  const seen = new Set<string>();
  let after = accountIds.nil;
  let trees: readonly OpenTree[];
  do {
    trees = await pageOfTrees(db, after, ACCOUNTS_PER_PAGE);
    for (const tree of trees) seen.add(accountIds.format(tree.accountUuid));
    yield* trees;
    after = trees.at(-1)?.accountUuid ?? after;
  } while (trees.length === ACCOUNTS_PER_PAGE);
  const others = [...log.heads()].filter((head) => !seen.has(head.accountId));
  for (let at = 0; at < others.length; at += ACCOUNTS_PER_PAGE) {
    const page = others.slice(at, at + ACCOUNTS_PER_PAGE);
    yield* await readOpenTrees(
      db,
      page.map((head) => accountIds.parse(head.accountId) ?? accountIds.nil),
    );
  }
}
