/** The Merkle tree of RFC 6962, section 2.1. Proofs are checked as in RFC 9162, sections 2.1.3.2 and 2.1.4.2. */
import { equal } from './bytes.ts';
import { sha256 } from './sha256.ts';

/** Length of a SHA-256 hash. */
export const HASH_BYTES = 32;

const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = 1;

/** Hash of an inner node: SHA-256 of 0x01 and both children (RFC 6962, section 2.1). */
function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** Hash of the tree without leaves. */
function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}

/**
 * The complete subtrees that cover the leaves so far, largest first. They are enough to append leaves and to compute
 * the root. Memory is logarithmic in the number of leaves.
 */
export class TreeStack {
  readonly #nodes: { readonly height: number; readonly hash: Uint8Array }[] = [];
  #size = 0;

  /** Number of leaves so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends a complete subtree of 2^height leaves; `size` must be a multiple of that. */
  append(hash: Uint8Array, height = 0): void {
    this.#size += 2 ** height;
    let node = { height, hash };
    for (let top = this.#nodes.at(-1); top?.height === node.height; top = this.#nodes.at(-1)) {
      this.#nodes.pop();
      node = { height: node.height + 1, hash: nodeHash(top.hash, node.hash) };
    }
    this.#nodes.push(node);
  }

  /** The root of the tree over all leaves so far. */
  root(): Uint8Array {
    const last = this.#nodes.at(-1);
    if (last === undefined) return emptyRoot();
    let { hash } = last;
    for (let at = this.#nodes.length - 2; at >= 0; at -= 1) {
      const node = this.#nodes[at];
      if (node !== undefined) hash = nodeHash(node.hash, hash);
    }
    return hash;
  }
}

/** Heights of the largest complete subtrees that cover the leaves from `start` to before `end`, from left to right. */
export function subtreeHeights(start: number, end: number): number[] {
  const heights: number[] = [];
  for (let at = start; at < end;) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= end) height += 1;
    heights.push(height);
    at += 2 ** height;
  }
  return heights;
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every(({ length }) => length === HASH_BYTES);
const half = (value: number): number => Math.floor(value / 2);

/** Whether `proof` shows that the leaf with this hash is number `index` (from 0) in the tree of this size and root. */
export function verifyInclusion(claim: {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  const { index, size, root, proof } = claim;
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([claim.leafHash, root, ...proof])) return false;
  let place = index;
  let last = size - 1;
  let hash = claim.leafHash;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && equal(hash, root);
}

/** Whether `proof` shows that the tree of size `to` begins with the leaves of the tree of size `from`. */
export function verifyConsistency(claim: {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}): boolean {
  const { from, to, fromRoot, toRoot, proof } = claim;
  if (!isCount(from) || !isCount(to) || from > to || !areHashes([fromRoot, toRoot, ...proof])) return false;
  if (from === to) return proof.length === 0 && equal(fromRoot, toRoot);
  // Every tree begins with the empty one.
  if (from === 0) return proof.length === 0 && equal(fromRoot, emptyRoot());
  if (proof.length === 0) return false;
  let place = from - 1;
  let last = to - 1;
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  // The rest is 0 exactly when `from` is a power of two: then its tree is itself the first subtree.
  const hashes = place === 0 ? [fromRoot, ...proof] : proof;
  const [first = fromRoot, ...others] = hashes;
  let [old, young] = [first, first];
  for (const hash of others) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      [old, young] = [nodeHash(hash, old), nodeHash(hash, young)];
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      young = nodeHash(young, hash);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && equal(old, fromRoot) && equal(young, toRoot);
}
