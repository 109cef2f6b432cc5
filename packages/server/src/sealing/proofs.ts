/** Proofs out of stored subtrees and, below 256 leaves, out of the entries themselves. */
import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { LeafHasher, readEntries } from '../ledger/index.ts';
import { foldRight, TreeBuilder, type TreeNode } from './merkle.ts';
import { consistencyRanges, coverOf, inclusionRanges, type LeafRange, type Subtree } from './proof-plan.ts';
import { STORED_LEVEL } from './seal.ts';

const TILE_LEAVES = 2 ** STORED_LEVEL;

function nameOf({ level, index }: Subtree): string {
  return `${level}/${index}`;
}

/**
 * The hashes of these subtrees, by name. One statement for the stored ones, and one read of at most 256 entries for each
 * tile that smaller ones lie in: a proof touches two tiles at most.
 */
async function loadSubtrees(
  db: Queryable,
  accountUuid: AccountUuid,
  epoch: number,
  subtrees: readonly Subtree[],
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const stored = subtrees.filter(({ level }) => level >= STORED_LEVEL);
  if (stored.length > 0) {
    const rows = await db.query<{ level: number; index: number; hash: Uint8Array }>(
      `SELECT n.level, n.node_index AS index, n.hash FROM ledger_tree_nodes n
       JOIN unnest($3::smallint[], $4::bigint[]) AS w(level, node_index) ON w.level = n.level AND w.node_index = n.node_index
       WHERE n.account_id = $1 AND n.epoch = $2`,
      [accountUuid, epoch, stored.map(({ level }) => level), stored.map(({ index }) => index)],
    );
    for (const row of rows) found.set(nameOf(row), Buffer.from(row.hash));
  }
  const small = subtrees.filter(({ level }) => level < STORED_LEVEL);
  const wanted = new Map<number, number>();
  for (const { level, index } of small) {
    const end = (index + 1) * 2 ** level;
    const tile = Math.floor((index * 2 ** level) / TILE_LEAVES);
    wanted.set(tile, Math.max(wanted.get(tile) ?? 0, end));
  }
  for (const [tile, end] of wanted) await hashTile(db, accountUuid, tile * TILE_LEAVES, end, found);
  return found;
}

/** Every complete subtree over the leaves from `start`, which begins a tile, to `end`. */
async function hashTile(
  db: Queryable,
  accountUuid: AccountUuid,
  start: number,
  end: number,
  found: Map<string, Buffer>,
): Promise<void> {
  const hasher = new LeafHasher(accountUuid);
  const builder = new TreeBuilder();
  const keep = ({ level, index, hash }: TreeNode): void => {
    found.set(nameOf({ level, index: start / 2 ** level + index }), hash);
  };
  for await (const page of readEntries(db, accountUuid, start + 1, end)) {
    for (const row of page) {
      const hash = hasher.hash(row);
      keep({ level: 0, index: builder.size, hash });
      builder.append(hash, keep);
    }
  }
}

async function hashesOfRanges(
  db: Queryable,
  accountUuid: AccountUuid,
  epoch: number,
  ranges: readonly LeafRange[],
): Promise<readonly Buffer[]> {
  const covers = ranges.map(coverOf);
  const loaded = await loadSubtrees(db, accountUuid, epoch, covers.flat());
  return covers.map((cover) => foldRight(cover.map((subtree) => subtreeOf(loaded, subtree))));
}

function subtreeOf(loaded: ReadonlyMap<string, Buffer>, subtree: Subtree): Buffer {
  const hash = loaded.get(nameOf(subtree));
  if (hash === undefined) throw new Error(`the subtree ${nameOf(subtree)} is not stored`);
  return hash;
}

/** Audit path of the entry `seq` in the tree of the first `size` entries; 1 <= seq <= size, and size is sealed. */
export async function inclusionPath(
  db: Queryable,
  accountUuid: AccountUuid,
  { epoch, seq, size }: { readonly epoch: number; readonly seq: number; readonly size: number },
): Promise<readonly Buffer[]> {
  return hashesOfRanges(db, accountUuid, epoch, inclusionRanges(seq - 1, size));
}

/** Proof that the first `to` entries begin with the first `from`; 1 <= from <= to, and `to` is sealed. */
export async function consistencyPath(
  db: Queryable,
  accountUuid: AccountUuid,
  { epoch, from, to }: { readonly epoch: number; readonly from: number; readonly to: number },
): Promise<readonly Buffer[]> {
  return hashesOfRanges(db, accountUuid, epoch, consistencyRanges(from, to));
}

/** The hashes of the largest complete subtrees over the leaves from `start` to `end`, from left to right. */
export async function coverHashes(
  db: Queryable,
  accountUuid: AccountUuid,
  epoch: number,
  range: LeafRange,
): Promise<readonly Buffer[]> {
  const cover = coverOf(range);
  const loaded = await loadSubtrees(db, accountUuid, epoch, cover);
  return cover.map((subtree) => subtreeOf(loaded, subtree));
}

/** c2sp.org/tlog-proof@v1: the proof and the checkpoint that it leads to, in one text. */
export function renderInclusionProof(seq: number, path: readonly Buffer[], checkpoint: string): string {
  return [
    'c2sp.org/tlog-proof@v1',
    `index ${seq - 1}`,
    ...path.map((hash) => hash.toString('base64')),
    '',
    checkpoint,
  ].join('\n');
}

/** One hash in base64 a line. */
export function renderConsistencyProof(path: readonly Buffer[]): string {
  return path.map((hash) => `${hash.toString('base64')}\n`).join('');
}
