/** The Merkle tree of RFC 6962, section 2.1, over SHA-256, grown leaf by leaf from what it is made of. */
import { createHash } from 'node:crypto';

const HASH_BYTES = 32;
const NODE_PREFIX = Buffer.of(0x01);

/** A complete subtree: 2^level leaves from leaf index * 2^level on. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Buffer;
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(NODE_PREFIX).update(left).update(right).digest();
}

const EMPTY_ROOT = createHash('sha256').digest();

/** The number of the lowest zero bits, for positions beyond 2^32 too. */
function trailingZeros(value: number): number {
  let level = 0;
  for (let rest = value; rest % 2 === 0; rest /= 2) level += 1;
  return level;
}

/** Grows a tree. Its state between two leaves is its size and its frontier. */
export class TreeBuilder {
  #size: number;
  /** Roots of the complete subtrees, the largest first. */
  readonly #frontier: Buffer[];

  /** Throws RangeError when the frontier is none of a tree of this size. */
  constructor(size = 0, frontier: Uint8Array = new Uint8Array()) {
    const ones = [...size.toString(2)].filter((digit) => digit === '1').length;
    if (frontier.length !== ones * HASH_BYTES) {
      throw new RangeError(`${frontier.length} bytes are no frontier of a tree of ${size} leaves`);
    }
    this.#size = size;
    this.#frontier = Array.from({ length: ones }, (_, at) =>
      Buffer.from(frontier.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)),
    );
  }

  get size(): number {
    return this.#size;
  }

  get frontier(): Buffer {
    return Buffer.concat(this.#frontier);
  }

  /** Calls `completed` with every subtree that this leaf completes, the leaf itself left out. */
  append(leafHash: Buffer, completed?: (node: TreeNode) => void): void {
    this.#size += 1;
    const levels = trailingZeros(this.#size);
    let hash = leafHash;
    for (let level = 1; level <= levels; level += 1) {
      const left = this.#frontier.pop();
      if (left === undefined) throw new Error('the frontier of a tree is shorter than its size says');
      hash = nodeHash(left, hash);
      completed?.({ level, index: this.#size / 2 ** level - 1, hash });
    }
    this.#frontier.push(hash);
  }

  root(): Buffer {
    return foldRight(this.#frontier);
  }
}

/** The root over subtrees that follow one another, each larger than all behind it together. */
export function foldRight(hashes: readonly Uint8Array[]): Buffer {
  const last = hashes.at(-1);
  if (last === undefined) return EMPTY_ROOT;
  let root: Uint8Array = last;
  for (let at = hashes.length - 2; at >= 0; at -= 1) root = nodeHash(hashes[at] ?? EMPTY_ROOT, root);
  return Buffer.from(root);
}
